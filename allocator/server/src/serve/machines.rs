use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use lablink_config::{Config, ProviderKind};
use lablink_core::{
    Scope,
    aws::{CloudMachines, Owner},
    secrets::AwsLogin,
};
use lablink_provision::{
    ssh,
    terraform::{
        AwsVms, CaughtUp, Instances, LocalVms, Program, ProgramError, Provider, Provisioner,
        ProvisionerParts, RuntimeVariables, Spot, StartupScript, Workspace,
    },
};

use super::{
    agent_program::agent_program, allocator_address::allocator_address, cloud::Cloud,
    places::Places, settings::config_file, state_backend::state_backend, variables::variables,
};
use crate::cli::ServeArgs;

const MODULES: [&str; 2] = ["terraform", "/usr/share/lablink/terraform"];

/// The machines that this allocator makes and removes.
pub enum Machines {
    /// Processes on this machine.
    Local { vms: LocalVms, module: PathBuf, provisioner: Arc<Provisioner> },
    /// EC2 instances.
    Aws { workspace: Box<Workspace>, module: PathBuf, provisioner: Arc<Provisioner> },
    /// None: people register theirs by hand.
    Manual,
}

impl Machines {
    pub async fn new(
        args: &ServeArgs,
        config: &Config,
        places: &Places,
        scope: &Scope,
        cloud: &Cloud,
    ) -> Result<Self> {
        let provider = match config.provider {
            ProviderKind::Local => Provider::Local(local(args, config, places)?),
            ProviderKind::Aws => Provider::Aws(AwsVms {
                startup_script: startup_script(args, config),
                instances: instances(config),
                owner: Owner {
                    environment: args.environment.to_string(),
                    deployment: config.deployment_name.clone(),
                },
                api: cloud.machines.clone().context("built without AWS")?,
            }),
            ProviderKind::Manual => return Ok(Self::Manual),
        };
        let program = terraform(&args.terraform).await?;
        let module = modules(args.terraform_dir.as_deref())?.join(config.provider.as_str());
        let directory = places.private(&format!("terraform/{}", args.environment))?;
        let backend = state_backend(args, config, places)?;
        let workspace =
            Workspace::new(program, provider.clone(), module.clone(), directory, backend);
        let provisioner = Arc::new(Provisioner::new(ProvisionerParts {
            scope: scope.clone(),
            workspace: workspace.clone(),
            aws: Arc::clone(&cloud.login),
            variables: told(args, config).await?,
            preflight: cloud.preflight.clone(),
            operations_dir: places.private("operations")?,
        }));
        Ok(match provider {
            Provider::Local(vms) => Self::Local { vms, module, provisioner },
            Provider::Aws(_) => Self::Aws { workspace: Box::new(workspace), module, provisioner },
        })
    }

    pub fn provisioner(&self) -> Option<&Arc<Provisioner>> {
        match self {
            Self::Local { provisioner, .. } | Self::Aws { provisioner, .. } => Some(provisioner),
            Self::Manual => None,
        }
    }

    /// The Terraform module that makes them.
    pub fn module(&self) -> Option<&Path> {
        match self {
            Self::Local { module, .. } | Self::Aws { module, .. } => Some(module),
            Self::Manual => None,
        }
    }

    pub fn caught_up(&self) -> Option<CaughtUp> {
        self.provisioner().map(|it| it.caught_up())
    }

    /// Those that live and die with this machine.
    pub fn local(&self) -> Option<&LocalVms> {
        match self {
            Self::Local { vms, .. } => Some(vms),
            Self::Aws { .. } | Self::Manual => None,
        }
    }

    /// Who is asked how those in a cloud are.
    pub fn cloud_api(&self) -> Option<&Arc<dyn CloudMachines>> {
        match self {
            Self::Aws { workspace, .. } => workspace.cloud_api(),
            Self::Local { .. } | Self::Manual => None,
        }
    }

    /// How those in a cloud are found.
    pub fn cloud(&self, aws: &Arc<AwsLogin>) -> Option<ssh::Cloud> {
        match self {
            Self::Aws { workspace, .. } => {
                Some(ssh::Cloud { workspace: Workspace::clone(workspace), aws: Arc::clone(aws) })
            }
            Self::Local { .. } | Self::Manual => None,
        }
    }
}

fn startup_script(args: &ServeArgs, config: &Config) -> Option<StartupScript> {
    let script = &config.startup_script;
    Some(StartupScript {
        path: script.find(&config_file(&args.database))?,
        attempts: script.attempts.get(),
        success_check: script.success_check.clone(),
    })
}

fn instances(config: &Config) -> Instances {
    let machine = &config.machine;
    Instances {
        other_types: machine.other_machine_types.clone(),
        zones: machine.zones.clone(),
        spot: machine.spot.then(|| Spot { max_price: machine.spot_max_price.clone() }),
        root_gb: machine.root_volume_gb,
        kms_key: machine.kms_key_id.clone(),
        public_address: machine.assign_public_ip,
    }
}

/// The runtime variables of the provider's module.
async fn told(args: &ServeArgs, config: &Config) -> Result<RuntimeVariables> {
    Ok(match config.provider {
        ProviderKind::Aws => variables(args, config, Some(&allocator_address(args, config).await?)),
        ProviderKind::Local | ProviderKind::Manual => {
            variables(args, config, args.allocator_public_ip.as_deref())
        }
    })
}

fn local(args: &ServeArgs, config: &Config, places: &Places) -> Result<LocalVms> {
    let module = modules(args.terraform_dir.as_deref())?.join("local");
    let RuntimeVariables { allocator_url, subject_software, .. } =
        variables(args, config, args.allocator_public_ip.as_deref());
    Ok(LocalVms {
        directory: match &config.local.vm_dir {
            Some(path) => std::path::absolute(path)?,
            None => places.private("vms")?,
        },
        agent: existing_agent(args)?,
        script: module.join("vm.sh"),
        allocator_url,
        subject_software,
    })
}

/// A Terraform that hangs does not stop the start: operations report what is wrong with it.
async fn terraform(path: &Path) -> Result<Program, ProgramError> {
    match Program::find(path).await {
        Err(error @ ProgramError::Hangs { .. }) => {
            tracing::error!("{error}");
            Ok(Program::unchecked(path))
        }
        found => found,
    }
}

fn modules(given: Option<&Path>) -> Result<PathBuf> {
    let candidates =
        given.map_or_else(|| MODULES.map(PathBuf::from).to_vec(), |path| vec![path.to_owned()]);
    match candidates.iter().find(|path| path.join("local").is_dir()) {
        Some(found) => std::path::absolute(found).context("cannot find the Terraform modules"),
        None => {
            bail!("no Terraform modules in {candidates:?}: name their folder with --terraform-dir")
        }
    }
}

fn existing_agent(args: &ServeArgs) -> Result<PathBuf> {
    let path = agent_program(args)?;
    if !path.is_file() {
        bail!(
            "there is no agent program at {}: build lablink-client, or name it with --agent-program",
            path.display()
        );
    }
    Ok(path)
}
