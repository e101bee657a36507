use std::net::IpAddr;

use lablink_core::ssh::PrivateKey;
use lablink_protocol::Hostname;

use super::{
    Workspace,
    state::{Pulled, State, StateError, pull},
};

/// How the VMs of the module `aws` are reached by SSH, as its resources in the state say. Outputs say
/// it too, but keep their old values after a run in which anything failed.
#[derive(Debug, Default)]
pub(crate) struct CloudAccess {
    state: State,
    /// That of every VM; none before the first launch.
    pub private_key: Option<PrivateKey>,
    admits: Admits,
}

/// Whom the VMs' security group lets in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Admits {
    /// The allocator's public address, which it has only on the way to a public one.
    #[default]
    Address,
    /// A security group: allocators in the same network, by private addresses.
    Group,
}

/// The module's rule that admits a security group.
const BY_GROUP: &str = "ssh_from_group";

impl CloudAccess {
    /// Reads it from the state, so that the key is never written anywhere.
    pub async fn pull(workspace: &Workspace) -> Result<Self, StateError> {
        Self::parse(&pull(workspace).await?)
    }

    fn parse(pulled: &[u8]) -> Result<Self, StateError> {
        if pulled.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let state = State::parse(pulled)?;
        let resources = serde_json::from_slice::<Pulled>(pulled)?.resources;
        let key = resources.iter().find(|it| it.kind == "tls_private_key" && it.name == "vm");
        let key = key.and_then(|key| key.instances.first());
        let key = key.and_then(|key| key.attributes["private_key_openssh"].as_str());
        let by_group = resources.iter().any(|it| it.name == BY_GROUP && !it.instances.is_empty());
        let admits = if by_group { Admits::Group } else { Admits::Address };
        Ok(Self { state, private_key: key.and_then(|key| key.parse().ok()), admits })
    }

    /// The address by which the VM lets the allocator in. None: the state does not know the VM. Some
    /// of none: it has no address yet.
    pub fn address(&self, hostname: &Hostname) -> Option<Option<IpAddr>> {
        let (_, instance) = self.state.instances().find(|(name, _)| *name == hostname)?;
        let (public, private) = (instance.public_address, instance.private_address);
        Some(match self.admits {
            Admits::Address => public.or(private),
            Admits::Group => private,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n";

    fn parsed(public_ip: &str, groups: usize) -> CloudAccess {
        let instance = serde_json::json!({ "index_key": "lablink-vm-test-1", "attributes": {
            "id": "i-0", "public_ip": public_ip, "private_ip": "10.0.0.7" } });
        let rule = serde_json::json!({ "index_key": 0, "attributes": {} });
        let resource = |kind: &str, name: &str, instances: Vec<&serde_json::Value>| {
            serde_json::json!({ "mode": "managed", "type": kind, "name": name,
                "instances": instances })
        };
        let key = serde_json::json!({ "attributes": { "private_key_openssh": PEM } });
        // As a run leaves it in which a later VM failed: the outputs are those before it.
        let state = serde_json::json!({ "version": 4, "lineage": "a", "outputs": {}, "resources": [
            resource("aws_instance", "vm", vec![&instance]),
            resource("tls_private_key", "vm", vec![&key]),
            resource("aws_vpc_security_group_ingress_rule", BY_GROUP, vec![&rule; groups]),
        ]});
        CloudAccess::parse(state.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn the_address_is_the_one_that_the_security_group_admits() {
        let vm = "lablink-vm-test-1".parse().unwrap();
        let address = |public_ip, groups| parsed(public_ip, groups).address(&vm).unwrap().unwrap();
        assert_eq!(address("203.0.113.7", 0).to_string(), "203.0.113.7");
        assert_eq!(address("203.0.113.7", 1).to_string(), "10.0.0.7");
        assert_eq!(address("", 0).to_string(), "10.0.0.7", "the only one that it has");
        assert_eq!(parsed("", 0).private_key.unwrap().reveal(), PEM);
        assert_eq!(parsed("", 0).address(&"lablink-vm-test-2".parse().unwrap()), None);
    }

    #[test]
    fn a_state_before_the_first_launch_has_none() {
        for state in ["", "{\"version\": 4}"] {
            let access = CloudAccess::parse(state.as_bytes()).unwrap();
            assert!(access.private_key.is_none());
        }
    }
}
