//! What Terraform's states of a deployment hold, as far as they can be read.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::{Deployment, terraform};
use crate::errors::Refused;

/// The key of a state of VMs, and what it holds.
pub struct ClientState {
    pub key: String,
    pub held: Vec<String>,
}

impl Deployment {
    /// The states of the VMs, one for each pool. Refused where they can't be read: nobody then knows what
    /// is whose.
    pub async fn client_states(&self) -> Result<Vec<ClientState>> {
        let folder = format!("{}/client/", self.settings.state_folder);
        let keys = self.aws.keys_in(&self.settings.bucket_name, &folder).await;
        let keys =
            keys.map_err(|error| Refused(format!("the VMs' state can't be read: {error}")))?;
        let mut states = Vec::new();
        for key in keys.into_iter().filter(|key| key.ends_with(".tfstate")) {
            let held = terraform::managed(&self.state(&key).await?);
            states.push(ClientState { key, held });
        }
        Ok(states)
    }

    /// Null where there is none.
    async fn state(&self, key: &str) -> Result<Value> {
        let text = self.aws.text(&self.settings.bucket_name, key).await;
        let text =
            text.map_err(|error| Refused(format!("the state {key} can't be read: {error}")))?;
        let text = text.unwrap_or_else(|| "null".to_owned());
        serde_json::from_str(&text).with_context(|| format!("the state {key} is no JSON"))
    }

    /// The ids, names and ARNs of all that the states hold: the host's, and each of VMs.
    pub async fn known(&self) -> Result<BTreeSet<String>> {
        if !self.settings.remote_client_state {
            let why = format!(
                "the state of {}'s VMs lies on its host's disk, where it can't be read from here: \
                 nobody knows which machines are in it. Destroy the VMs and the deployment instead.",
                self.settings.name
            );
            bail!(Refused(why));
        }
        let mut known = BTreeSet::new();
        let mut keys = vec![format!("{}/terraform.tfstate", self.settings.state_folder)];
        keys.extend(self.client_states().await?.into_iter().map(|state| state.key));
        for key in keys {
            let state = self.state(&key).await?;
            ensure!(state.is_null() || state["resources"].is_array(), "the state {key} is odd");
            let instances = state["resources"].as_array().into_iter().flatten();
            let instances = instances.flat_map(|it| it["instances"].as_array()).flatten();
            for instance in instances {
                note(&instance["attributes"], &mut known);
            }
        }
        Ok(known)
    }
}

/// Every short text of an instance, for its id may be in any of them: `id`, `allocation_id`, `name`, and
/// disks' ids within lists.
fn note(value: &Value, known: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.len() < 300 => {
            known.insert(text.clone());
        }
        Value::Array(values) => values.iter().for_each(|value| note(value, known)),
        Value::Object(fields) => fields.values().for_each(|value| note(value, known)),
        _ => {}
    }
}
