use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, Result, bail};
use lablink_core::{
    Scope,
    operations::{self, LaunchError},
    secrets::AwsLogin,
};
use lablink_provision::terraform::{
    CaughtUp, LocalVms, Program, ProgramError, Provisioner, ProvisionerParts, RuntimeVariables,
    Workspace,
};
use lablink_web::FromAws;
use tokio_util::sync::CancellationToken;

use super::{agent_program::agent_program, places::Places, state_backend::state_backend};
use crate::{cli::ServeArgs, config::Config};

const MODULES: [&str; 2] = ["terraform", "/usr/share/lablink/terraform"];

/// The `local` provider: VMs are processes on this machine.
pub struct LocalProvider {
    pub vms: LocalVms,
    pub provisioner: Arc<Provisioner>,
}

impl LocalProvider {
    pub async fn new(
        args: &ServeArgs,
        config: &Config,
        places: &Places,
        scope: &Scope,
        aws: Arc<AwsLogin>,
    ) -> Result<Self> {
        let program = terraform(&args.terraform).await?;
        let module = modules(args.terraform_dir.as_deref())?.join("local");
        let environment = args.environment.as_str();
        let directory = places.private(&format!("terraform/{environment}"))?;
        let variables = variables(args, config);
        let vms = LocalVms {
            directory: match &config.local.vm_dir {
                Some(path) => std::path::absolute(path)?,
                None => places.private("vms")?,
            },
            agent: existing_agent(args)?,
            script: module.join("vm.sh"),
            allocator_url: variables.allocator_url.clone(),
            subject_software: variables.subject_software.clone(),
        };
        let backend = state_backend(args, config, places)?;
        let provisioner = Provisioner::new(ProvisionerParts {
            scope: scope.clone(),
            workspace: Workspace::new(program, module, directory, backend),
            aws,
            variables,
            local: vms.clone(),
            operations_dir: places.private("operations")?,
        });
        Ok(Self { vms, provisioner: Arc::new(provisioner) })
    }
}

/// Work on the VMs that goes on while requests are answered.
pub struct Start {
    pub vms: LocalVms,
    pub scope: Scope,
    /// How many VMs to launch in a pool that never had an operation.
    pub warm: u32,
}

impl Start {
    /// Goes on until all is done, or `stopping`.
    pub async fn run(self, caught_up: CaughtUp, stopping: CancellationToken) {
        let work = async {
            let resumed = self.vms.resume_all(&self.scope, caught_up.clone()).await;
            if let Err(error) = resumed {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "the local VMs can't be looked at: none is started");
            }
            caught_up.reached().await;
            if let Err(error) = self.warm_up().await {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "the first VMs could not be asked for: launch them by hand");
            }
        };
        stopping.run_until_cancelled(work).await;
    }

    async fn warm_up(&self) -> Result<(), LaunchError> {
        if self.warm > 0 {
            operations::launch_first(&self.scope, self.warm).await?;
        }
        Ok(())
    }
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

fn variables(args: &ServeArgs, config: &Config) -> RuntimeVariables {
    let ip = args.allocator_public_ip.as_deref();
    let url = config.allocator_url(args.allocator_fqdn.as_deref(), ip);
    let environment = args.environment.as_str();
    RuntimeVariables {
        allocator_ip: ip.unwrap_or("127.0.0.1").to_owned(),
        allocator_url: url.unwrap_or_else(|| format!("http://127.0.0.1:{}", args.listen.port())),
        machine_type: config.machine.machine_type.clone(),
        image_name: config.machine.image.clone(),
        repository: config.machine.repository.clone().unwrap_or_default(),
        client_ami_id: config.machine.ami_id.clone(),
        subject_software: config.machine.software.clone(),
        resource_suffix: environment.to_owned(),
        cloud_init_output_log_group: match config.logs.from_aws {
            FromAws::CloudWatch => args
                .cloud_init_log_group
                .clone()
                .unwrap_or_else(|| format!("lablink-cloud-init-{environment}")),
            // Without a group, VMs send their own.
            FromAws::Direct => String::new(),
        },
        region: config.app.region.clone(),
        startup_on_error: config.startup_script.on_error.as_str().to_owned(),
        ..RuntimeVariables::default()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn vms_on_aws_learn_of_a_log_group_only_where_their_logs_go_by_it() {
        let group = |yaml| {
            let options = ["lablink-allocator", "--cloud-init-log-group", "our-group"];
            let config = Config::parse(yaml).unwrap();
            variables(&Cli::parse_from(options).serve, &config).cloud_init_output_log_group
        };
        assert_eq!(group(""), "our-group");
        assert_eq!(group("logs: {from_aws: direct}"), "");
    }
}
