use std::collections::BTreeMap;

use lablink_core::vms::Existing;
use lablink_protocol::Hostname;
use serde::Deserialize;

use super::Workspace;

/// What Terraform's state holds of our VMs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// By hostname. A VM whose creation was cut off is there, but broken.
    vms: BTreeMap<Hostname, Condition>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Whole,
    /// Terraform makes it anew at the next apply.
    Tainted,
}

#[derive(Debug, thiserror::Error)]
pub(super) enum StateError {
    #[error("cannot run terraform state pull")]
    Run(#[from] std::io::Error),
    #[error("Terraform's state can't be read: {0}")]
    Refused(String),
    #[error("Terraform's state is not what this version understands")]
    Format(#[from] serde_json::Error),
}

#[derive(Deserialize)]
struct Pulled {
    #[serde(default)]
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    mode: String,
    name: String,
    #[serde(default)]
    instances: Vec<Instance>,
}

#[derive(Deserialize)]
struct Instance {
    #[serde(default)]
    index_key: serde_json::Value,
    #[serde(default)]
    status: Option<String>,
}

impl State {
    /// Reads the state from its backend. No state yet is an empty one.
    pub async fn pull(workspace: &Workspace) -> Result<Self, StateError> {
        let output = workspace
            .program
            .command(&workspace.directory)
            .args(["state", "pull"])
            .output()
            .await?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(StateError::Refused(message));
        }
        Self::parse(&output.stdout)
    }

    /// Every module calls its machines `vm`, keyed by hostname.
    fn parse(pulled: &[u8]) -> Result<Self, StateError> {
        if pulled.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let pulled: Pulled = serde_json::from_slice(pulled)?;
        let machines =
            pulled.resources.into_iter().filter(|it| it.mode == "managed" && it.name == "vm");
        let vms = machines.flat_map(|machine| machine.instances).filter_map(|instance| {
            let hostname = instance.index_key.as_str()?.parse().ok()?;
            let tainted = instance.status.as_deref() == Some("tainted");
            Some((hostname, if tainted { Condition::Tainted } else { Condition::Whole }))
        });
        Ok(Self { vms: vms.collect() })
    }

    pub fn hostnames(&self) -> impl Iterator<Item = &Hostname> {
        self.vms.keys()
    }

    pub fn contains(&self, hostname: &Hostname) -> bool {
        self.vms.contains_key(hostname)
    }

    /// Whether the VM exists and its creation went through.
    pub fn is_whole(&self, hostname: &Hostname) -> bool {
        self.vms.get(hostname) == Some(&Condition::Whole)
    }

    /// All VMs there are, for the rows to follow.
    pub fn existing(&self) -> Vec<Existing> {
        self.vms.keys().filter_map(existing).collect()
    }

    /// The VMs that are whole, for the rows to follow.
    pub fn whole(&self) -> Vec<Existing> {
        self.vms.keys().filter(|name| self.is_whole(name)).filter_map(existing).collect()
    }
}

fn existing(hostname: &Hostname) -> Option<Existing> {
    Some(Existing { hostname: hostname.clone(), number: number(hostname)? })
}

/// The number at the end of a name that LabLink made.
pub(super) fn number(hostname: &Hostname) -> Option<u32> {
    hostname.as_str().rsplit_once('-')?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_machines_and_what_is_broken() {
        let state = br#"{"version": 4, "resources": [
            {"mode": "managed", "type": "terraform_data", "name": "vm", "instances": [
                {"index_key": "lablink-vm-dev-1", "attributes": {}},
                {"index_key": "lablink-vm-dev-12", "status": "tainted"}]},
            {"mode": "managed", "type": "tls_private_key", "name": "key", "instances": [{}]}]}"#;
        let state = State::parse(state).unwrap();
        let (first, second) =
            ("lablink-vm-dev-1".parse().unwrap(), "lablink-vm-dev-12".parse().unwrap());
        assert!(state.is_whole(&first) && state.contains(&second) && !state.is_whole(&second));
        assert_eq!(state.existing().iter().map(|vm| vm.number).collect::<Vec<_>>(), [1, 12]);
        assert_eq!(state.whole().len(), 1);
    }

    #[test]
    fn no_state_yet_is_empty() {
        assert_eq!(State::parse(b"\n").unwrap(), State::default());
    }
}
