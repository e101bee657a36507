//! `lablink destroy`: the VMs first, from their state and then by their tags, and the host last.

mod clients;
mod losses;
mod sweep;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use super::{Deployment, which::Which};
use crate::{
    output::Output,
    server::{Connection, Credentials, Server},
};

#[derive(Debug, Args)]
#[command(after_help = "\
Where VMs can't be destroyed it stops, and the host stays. It can be interrupted, and called again.

Example:
  lablink destroy --environment test
  lablink destroy --environment test --name test")]
pub struct Destroy {
    #[command(flatten)]
    which: Which,
    /// The deployment's name, typed beforehand: does not ask.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The folder of the modules that VMs are made with.
    #[arg(long, value_name = "DIR", default_value = "terraform")]
    modules: std::path::PathBuf,
}

impl Destroy {
    pub async fn run(self, connection: &Connection, output: &Output) -> Result<()> {
        let deployment = Deployment::open(self.which, output).await?;
        let terraform = deployment.terraform(output).await?;
        let name = deployment.settings.name.clone();
        let held = terraform.held().await?;
        let server = allocator(connection, &terraform.output("allocator_url").await?);
        if let Some(server) = &server {
            losses::show(server, output).await;
        }
        output.note(&format!("{} resources of the installation, and all of its VMs.", held.len()));
        match &self.name {
            Some(typed) if *typed == name => {}
            Some(typed) => {
                anyhow::bail!(crate::errors::Refused(format!("'{typed}' is not '{name}'.")))
            }
            None => output.confirm_name(
                &format!("This can't be undone. Type {name}"),
                &name,
                "--name",
            )?,
        }

        clients::destroy(&deployment, server.as_ref(), &self.modules, output).await?;
        let swept = sweep::sweep(&deployment, output).await?;
        let progress = output.progress("Destroying the host and all that belongs to it");
        let variables = deployment.variables();
        let mut words = vec!["destroy", "-auto-approve"];
        words.extend(variables.iter().map(String::as_str));
        terraform.change(&words, &progress).await?;
        drop(progress);
        if let Some(server) = &server {
            forget(connection, server.url())?;
        }
        let told = json!({ "deployment": name, "destroyed": held, "swept": swept });
        output.answer(&told, |_| {
            format!(
                "{name} is gone. What stays: the bucket of states, last snapshots, and an address \
                 that is yours. `lablink cleanup` lists what else carries its tags."
            )
        })
    }
}

/// The allocator, if there is a login for it.
fn allocator(connection: &Connection, url: &str) -> Option<Server> {
    let credentials = Credentials::read(&connection.credentials_file().ok()?).ok()?;
    let (url, login) = credentials.find(Some(url)).ok()?;
    Server::new(&url, login).ok()
}

fn forget(connection: &Connection, url: &str) -> Result<()> {
    let file = connection.credentials_file()?;
    let mut credentials = Credentials::read(&file)?;
    credentials.remove(url);
    credentials.write(&file)
}
