use std::collections::BTreeMap;

use lablink_core::ssh::PrivateKey;
use lablink_protocol::Hostname;
use serde::Deserialize;

use super::{
    Workspace,
    state::{StateError, pull},
};

/// What a module of a cloud tells of its VMs (deployment contract §2, `vms` and
/// `lablink_private_key_pem`).
#[derive(Debug, Default)]
pub(crate) struct Outputs {
    /// By hostname.
    pub addresses: BTreeMap<Hostname, Addresses>,
    /// That of every VM; none before the first launch.
    pub private_key: Option<PrivateKey>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Addresses {
    /// Empty for a VM without one.
    #[serde(default)]
    pub public_ip: String,
    #[serde(default)]
    pub private_ip: String,
}

#[derive(Deserialize)]
struct Pulled {
    #[serde(default)]
    outputs: BTreeMap<String, Output>,
}

#[derive(Deserialize)]
struct Output {
    value: serde_json::Value,
}

impl Outputs {
    /// Reads them from the state, so that the key is never written anywhere.
    pub async fn pull(workspace: &Workspace) -> Result<Self, StateError> {
        Self::parse(&pull(workspace).await?)
    }

    fn parse(pulled: &[u8]) -> Result<Self, StateError> {
        if pulled.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let mut pulled: Pulled = serde_json::from_slice(pulled)?;
        let addresses = match pulled.outputs.remove("vms") {
            Some(vms) => serde_json::from_value(vms.value)?,
            None => BTreeMap::new(),
        };
        let key = pulled.outputs.remove("lablink_private_key_pem");
        let private_key = key.and_then(|key| key.value.as_str()?.parse().ok());
        Ok(Self { addresses, private_key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses_and_the_key() {
        let pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n";
        let state = serde_json::json!({ "version": 4, "resources": [], "outputs": {
            "vms": { "type": [], "value": { "lablink-vm-test-1": {
                "id": "i-0", "public_ip": "", "private_ip": "10.0.0.7", "number": 1,
            }}},
            "vm_public_ips": { "type": [], "value": [""] },
            "lablink_private_key_pem": { "type": "string", "sensitive": true, "value": pem },
        }});
        let outputs = Outputs::parse(state.to_string().as_bytes()).unwrap();
        let (hostname, addresses) = outputs.addresses.first_key_value().unwrap();
        assert_eq!(hostname.as_str(), "lablink-vm-test-1");
        assert_eq!((&*addresses.public_ip, &*addresses.private_ip), ("", "10.0.0.7"));
        assert_eq!(outputs.private_key.unwrap().reveal(), pem);
    }

    #[test]
    fn a_state_before_the_first_launch_has_none() {
        for state in ["", "{\"version\": 4}"] {
            let outputs = Outputs::parse(state.as_bytes()).unwrap();
            assert!(outputs.addresses.is_empty() && outputs.private_key.is_none());
        }
    }
}
