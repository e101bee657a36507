use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{Config, Problems};

/// The reason why a configuration can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("config file not found: {0}; name one with --config or LABLINK_CONFIG")]
    NotFound(PathBuf),
    #[error("{0} is not a file: name the configuration itself")]
    NotAFile(PathBuf),
    #[error("{path} can't be read: make it a UTF-8 file that this user may read")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{path} has to be corrected:\n{problems}")]
    Invalid { path: PathBuf, problems: Problems },
}

/// Where the configuration is: the path that was asked for, else `$CONFIG_DIR/$CONFIG_NAME` when
/// either is set, else `config/config.yaml` if it exists, else `/config/config.yaml`.
pub fn locate(
    path: Option<&Path>,
    config_dir: Option<&Path>,
    config_name: Option<&Path>,
) -> PathBuf {
    if let Some(path) = path {
        return path.to_owned();
    }
    if config_dir.is_some() || config_name.is_some() {
        let name = config_name.unwrap_or(Path::new("config.yaml"));
        return config_dir.unwrap_or(Path::new("/config")).join(name);
    }
    let here = Path::new("config/config.yaml");
    if here.exists() { here.to_owned() } else { Path::new("/config/config.yaml").to_owned() }
}

impl Config {
    /// Reads and checks the file at `path`, which may have any name.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let owned = || path.to_owned();
        let unreadable = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => ConfigError::NotFound(owned()),
            _ => ConfigError::Unreadable { path: owned(), source },
        };
        if fs::metadata(path).map_err(unreadable)?.is_dir() {
            return Err(ConfigError::NotAFile(owned()));
        }
        let yaml = fs::read_to_string(path).map_err(unreadable)?;
        Self::check(&yaml, Some(path))
            .map_err(|problems| ConfigError::Invalid { path: owned(), problems })
    }
}
