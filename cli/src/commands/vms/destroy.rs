use anyhow::{Result, bail};
use clap::Args;
use lablink_protocol::organisers::{Queued, VmBody, VmList};
use serde_json::{Value, json};

use crate::{
    commands::operation,
    errors::Refused,
    output::{Output, table},
    server::{Server, asking},
};

#[derive(Debug, Args)]
#[command(after_help = "\
Registered machines only leave the pool.

Example:
  lablink vms destroy lablink-vm-prod-3
  lablink vms destroy --all --collect --yes")]
pub struct Destroy {
    #[arg(required_unless_present = "all")]
    hostnames: Vec<String>,
    /// All that LabLink made.
    #[arg(long, conflicts_with = "hostnames")]
    all: bool,
    /// Collects the results first, and destroys nothing unless all of them come home.
    #[arg(long)]
    collect: bool,
    /// Does not ask.
    #[arg(long)]
    yes: bool,
}

impl Destroy {
    pub async fn run(self, server: &Server, output: &Output) -> Result<()> {
        let vms =
            if self.all { made(server).await? } else { named(server, &self.hostnames).await? };
        if vms.is_empty() {
            bail!(Refused("There is nothing to destroy.".to_owned()));
        }
        if !self.yes {
            output.note(&shown(&vms));
            output.confirm(
                &format!("Destroy {} VMs with all that is on them?", vms.len()),
                "--yes",
            )?;
        }
        let (registered, made): (Vec<_>, Vec<_>) = vms.iter().partition(|vm| vm.source == "manual");
        for vm in registered {
            let _gone: Value = server.delete(&format!("/api/vms/{}", vm.hostname)).await?;
            output.note(&format!("{} is out of the pool.", vm.hostname));
        }
        if made.is_empty() {
            return Ok(());
        }
        let hostnames: Vec<_> = made.iter().map(|vm| &vm.hostname).collect();
        let wish = json!({ "hostname": hostnames, "collect": self.collect });
        let queued: Queued = server.post("/destroy", &wish).await?;
        operation::follow_to_its_end(server, output, queued.operation_id).await
    }
}

/// Those that LabLink made.
pub async fn made(server: &Server) -> Result<Vec<VmBody>> {
    let mut found = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let path = asking("/api/vms", &[("limit", Some("1000")), ("after", after.as_deref())]);
        let page: VmList = server.get(&path).await?;
        found.extend(page.vms.into_iter().filter(|vm| vm.source != "manual"));
        after = page.next;
        if after.is_none() {
            return Ok(found);
        }
    }
}

async fn named(server: &Server, hostnames: &[String]) -> Result<Vec<VmBody>> {
    let mut found = Vec::new();
    for hostname in hostnames {
        found.push(server.get(&asking(&format!("/api/vms/{hostname}"), &[])).await?);
    }
    Ok(found)
}

fn shown(vms: &[VmBody]) -> String {
    let row = |vm: &VmBody| {
        let holder = vm.claim.as_ref().map(|claim| claim.email.clone());
        [vm.hostname.to_string(), vm.status.as_str().to_owned(), holder.unwrap_or_default()]
    };
    table(["VM", "STATUS", "PARTICIPANT"], vms.iter().map(row))
}
