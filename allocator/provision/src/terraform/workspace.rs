use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use lablink_core::{
    aws::{AwsKeys, CloudMachines},
    worker::Limit,
};
use lablink_protocol::Hostname;
use sha2::{Digest, Sha256};
use tokio::process::Command;

use super::{
    Backend, Program, Provider, RuntimeVariables, StepError, credentials::aws_environment, notes,
    number::number, step::Step,
};

/// The folder in which Terraform runs for one environment: a copy of the module, the backend's
/// settings and the variables. The state lies where the backend says.
#[derive(Clone, Debug)]
pub struct Workspace {
    program: Program,
    /// The module as installed, for example `terraform/local`.
    module: PathBuf,
    pub(super) directory: PathBuf,
    pub(super) backend: Backend,
    pub(super) provider: Provider,
    /// Keys for AWS that Terraform is to work with.
    keys: Option<AwsKeys>,
    /// Those that an organiser typed, for what we ask ourselves.
    pub(super) typed: Option<AwsKeys>,
    /// When the steps that run here have to end.
    pub(super) limit: Limit,
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
    #[error(transparent)]
    Init(#[from] StepError),
}

pub(super) const RUNTIME_VARIABLES: &str = "terraform.runtime.tfvars";
const VMS: &str = "vms.auto.tfvars.json";
/// Which builds of the providers the module was tried with.
const PROVIDERS: &str = ".terraform.lock.hcl";
/// Providers are large, and networks slow.
const INIT: Duration = Duration::from_mins(5);
/// How long a step of Terraform's may take to stop by itself, and one that holds the state's lock.
const GRACE: Duration = Duration::from_millis(500);
const GRACE_WITH_LOCK: Duration = Duration::from_secs(2);
/// Names what the folder was initialised with, so that `init` runs once per module version.
const INITIALISED: &str = ".initialised";

impl Workspace {
    /// For machines of this provider, whose module is in the folder `module`.
    pub fn new(
        program: Program,
        provider: Provider,
        module: PathBuf,
        directory: PathBuf,
        backend: Backend,
    ) -> Self {
        let (keys, typed, limit) = (None, None, Limit::default());
        Self { program, module, directory, backend, provider, keys, typed, limit }
    }

    /// Who is asked of machines in a cloud; none: they are in none.
    pub fn cloud_api(&self) -> Option<&Arc<dyn CloudMachines>> {
        match &self.provider {
            Provider::Aws(aws) => Some(&aws.api),
            Provider::Local(_) => None,
        }
    }

    /// The same folder, with these keys for AWS.
    pub(crate) fn with_keys(&self, keys: Option<AwsKeys>) -> Self {
        Self { keys, ..self.clone() }
    }

    /// The same folder, for one who has typed these keys.
    pub(super) fn with_typed(self, typed: Option<AwsKeys>) -> Self {
        Self { typed, ..self }
    }

    /// The same folder, for steps that end when they have to.
    pub(super) fn within(self, limit: Limit) -> Self {
        Self { limit, ..self }
    }

    /// Terraform in this folder, with the credentials that its backend and its module need.
    pub(super) fn command(&self) -> Command {
        let mut command = self.program.command(&self.directory);
        if self.works_with_aws() {
            command.envs(aws_environment(std::env::vars_os(), self.keys.as_ref()));
        }
        command
    }

    fn works_with_aws(&self) -> bool {
        match (&self.provider, &self.backend) {
            (Provider::Aws(_), _) | (_, Backend::S3 { .. }) => true,
            (Provider::Local(_), Backend::File(_)) => false,
        }
    }

    /// A short run of Terraform in this folder, called by the words before its options.
    pub(super) fn step(&self, deadline: Duration, arguments: &[&str]) -> Step {
        let words = arguments.iter().take_while(|it| !it.starts_with('-'));
        let name = words.fold("terraform".to_owned(), |name, word| format!("{name} {word}"));
        let mut command = self.command();
        command.args(arguments);
        let grace = if notes::takes_lock(&name) { GRACE_WITH_LOCK } else { GRACE };
        let (limit, notes) = (self.limit.clone(), Some(self.notes()));
        Step { name, command, deadline, grace, limit, notes }
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
        // HCL that an earlier version of the module had would still count. What else lies here may
        // tell of a Terraform that was cut off.
        for (path, _) in module_files(&self.directory).unwrap_or_default() {
            if path.extension().is_some_and(|end| end == "tf") {
                std::fs::remove_file(self.directory.join(path)).map_err(failed)?;
            }
        }
        for (name, contents) in &files {
            std::fs::write(self.directory.join(name), contents).map_err(failed)?;
            let mode = std::fs::metadata(self.module.join(name)).map_err(failed)?.permissions();
            std::fs::set_permissions(self.directory.join(name), mode).map_err(failed)?;
        }
        std::fs::write(self.directory.join("backend_override.tf.json"), self.backend.to_json())
            .map_err(failed)?;
        if let Backend::File(state) = &self.backend
            && let Some(folder) = state.parent()
        {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        self.write_variables(variables).map_err(failed)?;
        self.init().await?;
        std::fs::write(marker, fingerprint).map_err(failed)
    }

    /// Where the running Terraform is noted: beside the state, for every allocator of this machine
    /// that shares it.
    pub(super) fn pid_file(&self) -> PathBuf {
        match &self.backend {
            Backend::File(state) => state.with_extension("terraform.pid"),
            Backend::S3 { .. } => self.directory.join("terraform.pid"),
        }
    }

    /// Where the steps that run are noted, for the same allocators.
    pub(super) fn notes(&self) -> PathBuf {
        self.pid_file().with_extension("steps")
    }

    async fn init(&self) -> Result<(), WorkspaceError> {
        // Providers are large, and the same for every environment of this data directory.
        let plugins = self.directory.with_file_name("plugins");
        // What an earlier init noted of the backend counts no more; one that was cut off stands in
        // the way.
        let _none = std::fs::remove_file(self.directory.join(".terraform/terraform.tfstate"));
        let failed = |cause| WorkspaceError::Io { path: plugins.clone(), cause };
        std::fs::create_dir_all(&plugins).map_err(failed)?;
        let mut init = self.step(INIT, &["init", "-input=false", "-no-color", "-reconfigure"]);
        init.command.env("TF_PLUGIN_CACHE_DIR", &plugins);
        init.run().await?;
        Ok(())
    }

    fn write_variables(&self, variables: &RuntimeVariables) -> io::Result<()> {
        std::fs::write(self.directory.join(RUNTIME_VARIABLES), variables.to_tfvars())
    }

    /// Writes which VMs shall exist.
    pub(super) fn write_vms<'a>(
        &self,
        vms: impl IntoIterator<Item = &'a Hostname>,
    ) -> io::Result<()> {
        let vms: BTreeMap<&Hostname, _> = vms
            .into_iter()
            .filter_map(|name| Some((name, serde_json::json!({ "number": number(name)? }))))
            .collect();
        let json = serde_json::json!({ "vms": vms }).to_string();
        std::fs::write(self.directory.join(VMS), json)
    }

    fn fingerprint(&self, files: &[(PathBuf, Vec<u8>)]) -> String {
        let mut hash = Sha256::new();
        for (name, contents) in files {
            hash.update(name.as_os_str().as_encoded_bytes());
            hash.update(contents.len().to_le_bytes());
            hash.update(contents);
        }
        hash.update(self.backend.to_json());
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The module's own files, by name: its HCL, the scripts that it calls and its providers' hashes.
pub(super) fn module_files(module: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, WorkspaceError> {
    let failed = |cause| WorkspaceError::Io { path: module.to_owned(), cause };
    let missing = |_| WorkspaceError::NoModule(module.to_owned());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(module).map_err(missing)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let text = name.to_string_lossy();
        let ours = [".tfvars", ".md", ".json", ".tfstate"].iter().any(|end| text.ends_with(end));
        let hidden = text.starts_with('.') && text != PROVIDERS;
        if ours || hidden || !entry.file_type().map_err(failed)?.is_file() {
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
