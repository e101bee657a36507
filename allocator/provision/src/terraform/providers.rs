use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use lablink_core::plain;

use super::{Program, WorkspaceError, workspace::module_files};

/// Providers are large, and networks slow; who asks waits.
const PATIENCE: Duration = Duration::from_secs(18);

/// Why providers could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ProvidersError {
    #[error(transparent)]
    Module(#[from] WorkspaceError),
    #[error("a folder to try them in can't be made")]
    Folder(#[from] std::io::Error),
    #[error("terraform init did not end within {} s", PATIENCE.as_secs())]
    Late,
    #[error("{0}")]
    Refused(String),
}

impl Program {
    /// Whether the module's providers can be had: installs them into `scratch`, or finds them in
    /// `cache`, where operations keep theirs.
    pub async fn try_providers(
        &self,
        module: &Path,
        scratch: &Path,
        cache: &Path,
    ) -> Result<(), ProvidersError> {
        for (name, contents) in module_files(module)? {
            std::fs::write(scratch.join(&name), contents)?;
        }
        let mut init = self.command(scratch);
        init.args(["init", "-backend=false", "-input=false", "-no-color"]).kill_on_drop(true);
        if cache.is_dir() {
            init.env("TF_PLUGIN_CACHE_DIR", cache);
        }
        init.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let ended = tokio::time::timeout(PATIENCE, init.output()).await;
        let output = ended.map_err(|_elapsed| ProvidersError::Late)??;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let words: Vec<&str> =
            said.split_whitespace().filter(|word| !word.starts_with(['╷', '│', '╵'])).collect();
        Err(ProvidersError::Refused(plain(&words.join(" ")).chars().take(400).collect()))
    }
}

/// Where operations of a data directory keep providers.
pub fn provider_cache(data_dir: &Path) -> PathBuf {
    data_dir.join("terraform").join("plugins")
}
