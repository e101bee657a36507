use std::{
    io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{Program, RuntimeVariables};

/// The folder in which Terraform runs for one environment: a copy of the module, the backend's
/// settings and the variables. The state lies where the backend says.
#[derive(Clone, Debug)]
pub struct Workspace {
    pub(super) program: Program,
    /// The module as installed, for example `terraform/local`.
    module: PathBuf,
    pub(super) directory: PathBuf,
    state_file: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    #[error("there is no Terraform module in {0}: name the folder with --terraform-dir")]
    NoModule(PathBuf),
    #[error("cannot prepare Terraform's folder {path}")]
    Io {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
    #[error("terraform init failed: {0}")]
    Init(String),
}

pub(super) const RUNTIME_VARIABLES: &str = "terraform.runtime.tfvars";
pub(super) const VMS: &str = "vms.auto.tfvars.json";
/// Names what the folder was initialised with, so that `init` runs once per module version.
const INITIALISED: &str = ".initialised";

impl Workspace {
    pub fn new(program: Program, module: PathBuf, directory: PathBuf, state_file: PathBuf) -> Self {
        Self { program, module, directory, state_file }
    }

    /// Copies the module when it has changed, writes the variables, and runs `terraform init`
    /// when module or backend are new.
    pub(super) async fn prepare(&self, variables: &RuntimeVariables) -> Result<(), WorkspaceError> {
        let failed = |cause| WorkspaceError::Io { path: self.directory.clone(), cause };
        let files = module_files(&self.module)?;
        let fingerprint = self.fingerprint(&files);
        let marker = self.directory.join(INITIALISED);
        if std::fs::read_to_string(&marker).is_ok_and(|found| found == fingerprint) {
            return self.write_variables(variables).map_err(failed);
        }
        std::fs::create_dir_all(&self.directory).map_err(failed)?;
        // Files that an earlier version of the module had would still count.
        for (path, _) in module_files(&self.directory).unwrap_or_default() {
            std::fs::remove_file(self.directory.join(path)).map_err(failed)?;
        }
        for (name, contents) in &files {
            std::fs::write(self.directory.join(name), contents).map_err(failed)?;
            let mode = std::fs::metadata(self.module.join(name)).map_err(failed)?.permissions();
            std::fs::set_permissions(self.directory.join(name), mode).map_err(failed)?;
        }
        std::fs::write(self.directory.join("backend_override.tf.json"), self.backend())
            .map_err(failed)?;
        if let Some(folder) = self.state_file.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        self.write_variables(variables).map_err(failed)?;
        self.init().await?;
        std::fs::write(marker, fingerprint).map_err(failed)
    }

    /// Where the running Terraform is noted: beside the state, for every allocator of this machine
    /// that shares it.
    pub(super) fn pid_file(&self) -> PathBuf {
        self.state_file.with_extension("terraform.pid")
    }

    async fn init(&self) -> Result<(), WorkspaceError> {
        let output = self
            .program
            .command(&self.directory)
            .args(["init", "-input=false", "-no-color", "-reconfigure"])
            .output()
            .await
            .map_err(|cause| WorkspaceError::Io { path: self.directory.clone(), cause })?;
        if output.status.success() {
            return Ok(());
        }
        Err(WorkspaceError::Init(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }

    fn write_variables(&self, variables: &RuntimeVariables) -> io::Result<()> {
        std::fs::write(self.directory.join(RUNTIME_VARIABLES), variables.to_tfvars())
    }

    fn backend(&self) -> String {
        serde_json::json!({"terraform": {"backend": {"local": {"path": self.state_file}}}})
            .to_string()
    }

    fn fingerprint(&self, files: &[(PathBuf, Vec<u8>)]) -> String {
        let mut hash = Sha256::new();
        for (name, contents) in files {
            hash.update(name.as_os_str().as_encoded_bytes());
            hash.update(contents.len().to_le_bytes());
            hash.update(contents);
        }
        hash.update(self.backend());
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The module's own files, by name: its HCL and the scripts that it calls.
fn module_files(module: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, WorkspaceError> {
    let failed = |cause| WorkspaceError::Io { path: module.to_owned(), cause };
    let missing = |_| WorkspaceError::NoModule(module.to_owned());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(module).map_err(missing)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        let ours = [".tfvars", ".md", ".json", ".tfstate"].iter().any(|end| text.ends_with(end));
        if ours || text.starts_with('.') || !entry.file_type().map_err(failed)?.is_file() {
            continue;
        }
        files.push((PathBuf::from(&name), std::fs::read(entry.path()).map_err(failed)?));
    }
    if !files.iter().any(|(name, _)| name.extension().is_some_and(|end| end == "tf")) {
        return Err(WorkspaceError::NoModule(module.to_owned()));
    }
    files.sort();
    Ok(files)
}
