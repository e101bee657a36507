use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use lablink_protocol::organisers::Queued;
use serde_json::json;

use super::super::{Deployment, settings::Settings, states::ClientState, terraform::Terraform};
use crate::{
    commands::{operation, vms::made},
    errors::Refused,
    output::Output,
    server::Server,
};

/// Destroys the VMs: by the allocator, where it answers, and then all that their states still hold.
pub async fn destroy(
    deployment: &Deployment,
    server: Option<&Server>,
    modules: &Path,
    output: &Output,
) -> Result<()> {
    let asked = match server {
        Some(server) => by_allocator(server, output).await,
        None => bail_if_unreadable(deployment),
    };
    if let Err(error) = asked {
        if !deployment.settings.remote_client_state {
            return Err(error.context("the VMs could not be destroyed, so the host stays"));
        }
        output.note(&format!("Not by the allocator: {error:#}. From Terraform's state instead."));
    }
    for state in deployment.client_states().await? {
        if !state.held.is_empty() {
            let ended = from_state(deployment, &state, modules, output).await;
            ended.with_context(|| {
                format!("the VMs of {} could not be destroyed, so the host stays", state.key)
            })?;
        }
    }
    Ok(())
}

/// The state of some deployments is on the host alone.
fn bail_if_unreadable(deployment: &Deployment) -> Result<()> {
    if deployment.settings.remote_client_state {
        return Ok(());
    }
    let why = "the VMs' state lies on the host, and there is no login for its allocator: `lablink deploy` \
               stores one";
    bail!(Refused(why.to_owned()))
}

async fn by_allocator(server: &Server, output: &Output) -> Result<()> {
    if made(server).await?.is_empty() {
        return Ok(());
    }
    let queued: Queued = server.post("/destroy", &json!({})).await?;
    let ended = operation::follow(server, output, queued.operation_id).await?;
    operation::succeeded(&ended)
}

async fn from_state(
    deployment: &Deployment,
    state: &ClientState,
    modules: &Path,
    output: &Output,
) -> Result<()> {
    let progress = output.progress("Destroying the VMs that the state holds");
    let place = deployment.which.place()?.join("client");
    let module = copied(modules, &place)?;
    let Settings { bucket_name, region, .. } = &deployment.settings;
    let backend = "terraform {\n  backend \"s3\" {\n    encrypt      = true\n    use_lockfile = true\n  }\n}\n";
    fs::write(module.join("backend_override.tf"), backend)?;
    // What the allocator ran it with lies beside the state.
    let folder = state.key.rsplit_once('/').map_or("", |(folder, _)| folder);
    let variables = format!("{folder}/terraform.runtime.tfvars");
    let variables = deployment.aws.text(bucket_name, &variables).await?;
    let file = module.join("terraform.runtime.auto.tfvars");
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(file)?;
    file.write_all(
        variables.context("terraform.runtime.tfvars is missing beside the state")?.as_bytes(),
    )?;

    let terraform = Terraform::new(&module, &place)?;
    let backend = [("bucket", bucket_name), ("region", region), ("key", &state.key)];
    let backend = backend.map(|(name, value)| format!("-backend-config={name}={value}"));
    let mut words = vec!["init", "-reconfigure"];
    words.extend(backend.iter().map(String::as_str));
    terraform.run(&words, &progress).await?;
    terraform.change(&["destroy", "-auto-approve"], &progress).await
}

/// A copy of the module of VMs, without anybody's own files.
fn copied(modules: &Path, place: &Path) -> Result<PathBuf> {
    let module = modules.join("aws");
    let to = place.join("module");
    fs::create_dir_all(&to)?;
    let entries = fs::read_dir(&module)
        .with_context(|| format!("there is no {}: say --modules", module.display()))?;
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let is_ours = [".tf", ".sh", ".tftpl", ".hcl", ".service"]
            .iter()
            .any(|ending| name.to_string_lossy().ends_with(ending));
        if is_ours && entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(to)
}
