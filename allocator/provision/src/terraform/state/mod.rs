//! Terraform's state: what it holds, whether it is to be taken for true, and how one that is not
//! is mended.

mod copy;
mod doubt;
mod instance;
mod mend;
mod push;

pub(super) use doubt::{Doubt, listed};
pub(super) use mend::{Pieces, mend};

use std::{collections::BTreeMap, time::Duration};

use lablink_core::{
    state::Version,
    vms::{Existing, Instance},
};
use lablink_protocol::Hostname;
use serde::Deserialize;

use super::{StepError, Workspace, number::number};

/// The one format that is known.
const FORMAT: u64 = 4;
const PULL: Duration = Duration::from_secs(60);

/// What Terraform's state holds of our VMs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// None: there is no state yet.
    pub version: Option<Version>,
    /// By hostname. A VM whose creation was cut off is there, but broken.
    vms: BTreeMap<Hostname, Machine>,
}

#[derive(Debug, PartialEq, Eq)]
struct Machine {
    /// As `terraform -replace` wants it.
    address: String,
    condition: Condition,
    /// Of an instance in a cloud.
    instance: Option<Instance>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    Whole,
    /// Terraform makes it anew at the next apply.
    Tainted,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    #[error("Terraform's state can't be read")]
    Refused(#[from] StepError),
    #[error("Terraform's state is not what this version understands")]
    Format(#[from] serde_json::Error),
    #[error("Terraform's state has the format {0}, which this version does not know")]
    UnknownFormat(u64),
}

impl StateError {
    /// Whether there is something in the state's place that is no state: unlike a place that can't
    /// be reached, it does not pass.
    pub(super) fn is_of_content(&self) -> bool {
        match self {
            Self::Format(_) | Self::UnknownFormat(_) => true,
            // As Terraform and OpenTofu call it, whatever is wrong with it.
            Self::Refused(StepError::Failed { said, .. }) => said.contains("state file format"),
            Self::Refused(_) => false,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Pulled {
    version: u64,
    #[serde(default)]
    lineage: String,
    #[serde(default)]
    serial: i64,
    #[serde(default)]
    pub resources: Vec<Resource>,
}

#[derive(Deserialize)]
pub(super) struct Resource {
    pub mode: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub name: String,
    #[serde(default)]
    pub instances: Vec<OfResource>,
}

#[derive(Deserialize)]
pub(super) struct OfResource {
    #[serde(default)]
    index_key: serde_json::Value,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    pub attributes: serde_json::Value,
}

impl State {
    /// Every module calls its machines `vm`, keyed by hostname.
    pub fn parse(pulled: &[u8]) -> Result<Self, StateError> {
        if pulled.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let pulled: Pulled = serde_json::from_slice(pulled)?;
        if pulled.version != FORMAT {
            return Err(StateError::UnknownFormat(pulled.version));
        }
        let version = Version { lineage: pulled.lineage, serial: pulled.serial };
        let machines =
            pulled.resources.into_iter().filter(|it| it.mode == "managed" && it.name == "vm");
        let mut vms = BTreeMap::new();
        for Resource { kind, name, instances, .. } in machines {
            for instance in instances {
                let Some(key) = instance.index_key.as_str() else { continue };
                let Ok(hostname) = key.parse() else { continue };
                let condition = match instance.status.as_deref() {
                    Some("tainted") => Condition::Tainted,
                    _ => Condition::Whole,
                };
                let address = format!("{kind}.{name}[\"{key}\"]");
                let instance = instance::of(&kind, &instance.attributes);
                vms.insert(hostname, Machine { address, condition, instance });
            }
        }
        // A state without a history was never written.
        Ok(Self { version: Some(version).filter(|it| !it.lineage.is_empty()), vms })
    }

    pub fn hostnames(&self) -> impl Iterator<Item = &Hostname> {
        self.vms.keys()
    }

    pub fn contains(&self, hostname: &Hostname) -> bool {
        self.vms.contains_key(hostname)
    }

    /// Whether the VM exists and its creation went through.
    pub fn is_whole(&self, hostname: &Hostname) -> bool {
        self.vms.get(hostname).is_some_and(|machine| machine.condition == Condition::Whole)
    }

    /// The resource that is this VM, as in `terraform_data.vm["lablink-vm-dev-1"]`.
    pub fn address(&self, hostname: &Hostname) -> Option<&str> {
        self.vms.get(hostname).map(|machine| machine.address.as_str())
    }

    /// The VMs that are instances in a cloud.
    pub fn instances(&self) -> impl Iterator<Item = (&Hostname, &Instance)> {
        self.vms.iter().filter_map(|(name, machine)| Some((name, machine.instance.as_ref()?)))
    }

    /// All VMs there are, for the rows to follow.
    pub fn existing(&self) -> Vec<Existing> {
        self.vms.keys().filter_map(existing).collect()
    }
}

fn existing(hostname: &Hostname) -> Option<Existing> {
    Some(Existing { hostname: hostname.clone(), number: number(hostname)? })
}

/// The state as its backend has it: JSON, or nothing before the first run.
pub(super) async fn pull(workspace: &Workspace) -> Result<Vec<u8>, StateError> {
    Ok(workspace.step(PULL, &["state", "pull"]).run().await?)
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

    use super::*;

    #[test]
    fn reads_machines_and_what_is_broken() {
        let state = br#"{"version": 4, "serial": 7, "lineage": "a-b", "resources": [
            {"mode": "managed", "type": "terraform_data", "name": "vm", "instances": [
                {"index_key": "lablink-vm-dev-1", "attributes": {}},
                {"index_key": "lablink-vm-dev-12", "status": "tainted"}]},
            {"mode": "managed", "type": "tls_private_key", "name": "key", "instances": [{}]}]}"#;
        let state = State::parse(state).unwrap();
        let (first, second) =
            ("lablink-vm-dev-1".parse().unwrap(), "lablink-vm-dev-12".parse().unwrap());
        assert!(state.is_whole(&first) && state.contains(&second) && !state.is_whole(&second));
        assert_eq!(state.address(&first), Some("terraform_data.vm[\"lablink-vm-dev-1\"]"));
        assert_eq!(state.version, Some(Version { lineage: "a-b".to_owned(), serial: 7 }));
        assert_eq!(state.existing().iter().map(|vm| vm.number).collect::<Vec<_>>(), [1, 12]);
    }

    #[test]
    fn no_state_yet_is_empty() {
        assert_eq!(State::parse(b"\n").unwrap(), State::default());
        assert_eq!(State::parse(br#"{"version": 4}"#).unwrap(), State::default());
    }

    #[test]
    fn what_is_no_state_is_told_from_a_state_out_of_reach() {
        for text in ["{\"ver", "{}", "[]", "\u{1b}[31m", r#"{"version": 5, "lineage": "a"}"#] {
            assert!(State::parse(text.as_bytes()).unwrap_err().is_of_content(), "{text}");
        }
        let refused = |said: &str| {
            let (step, status) = ("terraform state pull".to_owned(), ExitStatus::from_raw(256));
            StateError::Refused(StepError::Failed { step, status, said: said.to_owned() })
        };
        assert!(refused("Unsupported state file format: The state file ...").is_of_content());
        assert!(!refused("error loading state: AccessDenied").is_of_content());
    }
}
