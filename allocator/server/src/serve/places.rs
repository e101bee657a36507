use std::{
    fs::{self, DirBuilder},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};
use lablink_embedded_postgres::make_passage;

/// The folders and files of the data directory.
#[derive(Clone, Debug)]
pub struct Places {
    pub data_dir: PathBuf,
}

impl Places {
    /// Makes the data directory. Others may pass through it (the embedded Postgres runs as another
    /// user) but not look into it.
    pub fn new(data_dir: Option<&Path>) -> Result<Self> {
        let data_dir = match data_dir {
            Some(path) => std::path::absolute(path)?,
            None => default_data_dir()?,
        };
        make_passage(&data_dir).with_context(|| {
            format!(
                "cannot make the data directory {}: choose another with --data-dir",
                data_dir.display()
            )
        })?;
        Ok(Self { data_dir })
    }

    /// A folder of the data directory that nobody else may read, made when missing.
    pub fn private(&self, name: &str) -> Result<PathBuf> {
        let path = self.data_dir.join(name);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("cannot make {}", path.display()))?;
        Ok(path)
    }
}

fn default_data_dir() -> Result<PathBuf> {
    // The process's own folder belongs to the user that it runs as.
    let user = std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self")?);
    if user == 0 {
        return Ok("/var/lib/lablink".into());
    }
    let home =
        std::env::var_os("HOME").ok_or_else(|| anyhow!("HOME is not set: name a --data-dir"))?;
    Ok(Path::new(&home).join(".local/share/lablink"))
}
