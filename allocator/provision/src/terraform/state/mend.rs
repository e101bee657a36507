//! Puts together a state that holds what exists, from the state in place, the kept copy of the last
//! good one and, for local VMs, the machines themselves.

use std::{collections::BTreeSet, io};

use lablink_core::state::Version;
use lablink_protocol::Hostname;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::FORMAT;
use crate::terraform::{Provider, number::number};

/// What there is to mend a state from.
pub(in crate::terraform) struct Pieces<'a> {
    /// The state in place; empty if it can't be read.
    pub found: &'a [u8],
    /// The kept copy of the last good one.
    pub copy: Option<&'a [u8]>,
    /// Which one was seen last.
    pub seen: Option<&'a Version>,
    pub provider: &'a Provider,
}

/// A state to put in the place of the one that can't be true.
pub(in crate::terraform) struct Mended {
    pub state: Whole,
    /// VMs that exist, and that are in no piece.
    pub lost: Vec<Hostname>,
}

/// A state with all that it holds, as format 4 has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::terraform) struct Whole {
    version: u64,
    pub lineage: String,
    serial: i64,
    #[serde(default)]
    resources: Vec<Resource>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Resource {
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    instances: Vec<Value>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

impl Pieces<'_> {
    /// The VMs in any of them.
    pub fn vms(&self) -> Vec<Hostname> {
        let whole = self.copy.into_iter().chain([self.found]).filter_map(Whole::of);
        whole.flat_map(|it| it.vms()).collect()
    }
}

/// Mends the state so that it holds the VMs in `existing`. Those in `removed` are not taken over
/// from a piece that is older than what was seen.
pub(in crate::terraform) fn mend(
    pieces: &Pieces<'_>,
    existing: &BTreeSet<Hostname>,
    removed: &[Hostname],
) -> io::Result<Mended> {
    let Pieces { found, copy, seen, provider } = *pieces;
    let (found, copy) = (Whole::of(found), copy.and_then(Whole::of));
    let follows = |it: &&Whole| seen.is_none_or(|seen| seen.lineage == it.lineage);
    // The state in place wins over a copy of the same age.
    let newest = copy.iter().chain(&found).filter(follows).max_by_key(|it| it.serial);
    let mut state = match (newest, seen) {
        (Some(newest), _) => newest.clone(),
        (None, Some(seen)) => Whole::new(seen.lineage.clone()),
        (None, None) => Whole::new(lineage()?),
    };
    if seen.is_some_and(|seen| state.serial < seen.serial) {
        let gone = removed.iter().filter(|it| !existing.contains(it));
        gone.for_each(|it| state.drop_vm(it));
    }
    for piece in copy.iter().chain(&found) {
        state.take_shared(piece);
    }
    let mut lost = Vec::new();
    for hostname in existing {
        for piece in copy.iter().chain(&found) {
            state.take_vm(hostname, piece);
        }
        if !state.has_vm(hostname) && !state.take_machine(hostname, provider) {
            lost.push(hostname.clone());
        }
    }
    let serials = [&found, &copy].into_iter().flatten().map(|it| it.serial);
    let highest = serials.chain(seen.map(|it| it.serial)).max().unwrap_or(0);
    state.serial = highest.max(state.serial) + 1;
    Ok(Mended { state, lost })
}

/// Names a history that begins now.
fn lineage() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/uuid")?.trim().to_owned())
}

impl Whole {
    pub fn of(text: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(text)
            .ok()
            .filter(|it| it.version == FORMAT && !it.lineage.is_empty())
    }

    fn new(lineage: String) -> Self {
        let (resources, rest) = (Vec::new(), Map::new());
        Self { version: FORMAT, lineage, serial: 0, resources, rest }
    }

    pub fn holds_nothing(&self) -> bool {
        self.resources.iter().all(|it| it.instances.is_empty())
    }

    /// The hostnames of all VMs.
    pub fn vms(&self) -> Vec<Hostname> {
        let vms = self.resources.iter().filter(|it| it.is_vm()).flat_map(|it| &it.instances);
        vms.filter_map(|it| key(it)?.parse().ok()).collect()
    }

    fn has_vm(&self, hostname: &Hostname) -> bool {
        self.resources.iter().any(|it| it.is_vm() && it.has(hostname.as_str()))
    }

    fn drop_vm(&mut self, hostname: &Hostname) {
        for resource in &mut self.resources {
            resource.instances.retain(|it| key(it) != Some(hostname.as_str()));
        }
    }

    /// Takes over all that is this VM's from another state, as far as it is not here.
    fn take_vm(&mut self, hostname: &Hostname, from: &Self) {
        for resource in from.resources.iter().filter(|it| it.mode == "managed") {
            let theirs = resource.instances.iter().find(|it| key(it) == Some(hostname.as_str()));
            let Some(theirs) = theirs else { continue };
            let ours = self.resource(resource);
            if !ours.has(hostname.as_str()) {
                ours.instances.push(theirs.clone());
            }
        }
    }

    /// Takes over what all VMs share, such as their key, as far as it is not here.
    fn take_shared(&mut self, from: &Self) {
        let shared = |it: &&Resource| it.mode == "managed" && it.instances.iter().all(is_unkeyed);
        for resource in from.resources.iter().filter(shared) {
            let ours = self.resource(resource);
            if ours.instances.is_empty() {
                ours.instances.clone_from(&resource.instances);
            }
        }
    }

    /// Writes a local machine down as the module would have. `false`: there is none.
    fn take_machine(&mut self, hostname: &Hostname, provider: &Provider) -> bool {
        let Provider::Local(local) = provider else { return false };
        let Some(number) = number(hostname).filter(|_| local.is_made(hostname)) else {
            return false;
        };
        let directory = local.directory.join(hostname.as_str());
        let input = json!({
            "value": { "directory": directory, "number": number },
            "type": ["object", { "directory": "string", "number": "number" }],
        });
        let provider = json!("provider[\"terraform.io/builtin/terraform\"]");
        let machines = self.resource(&Resource {
            mode: "managed".to_owned(),
            kind: "terraform_data".to_owned(),
            name: "vm".to_owned(),
            instances: Vec::new(),
            rest: Map::from_iter([("provider".to_owned(), provider)]),
        });
        machines.instances.push(json!({
            "index_key": hostname, "schema_version": 0,
            "attributes": {
                "id": hostname, "input": input, "output": input, "triggers_replace": null,
            },
        }));
        true
    }

    /// The same resource here, made without instances when missing.
    fn resource(&mut self, like: &Resource) -> &mut Resource {
        let at = self.resources.iter().position(|it| it.is(like)).unwrap_or_else(|| {
            self.resources.push(Resource { instances: Vec::new(), ..like.clone() });
            self.resources.len() - 1
        });
        &mut self.resources[at]
    }
}

impl Resource {
    fn is(&self, other: &Self) -> bool {
        let name = |it: &Self| (it.mode.clone(), it.kind.clone(), it.name.clone());
        name(self) == name(other) && self.rest.get("module") == other.rest.get("module")
    }

    fn is_vm(&self) -> bool {
        self.mode == "managed" && self.name == "vm"
    }

    fn has(&self, hostname: &str) -> bool {
        self.instances.iter().any(|it| key(it) == Some(hostname))
    }
}

fn key(instance: &Value) -> Option<&str> {
    instance["index_key"].as_str()
}

fn is_unkeyed(instance: &Value) -> bool {
    instance["index_key"].is_null()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terraform::LocalVms;

    const KEY: &str = r#"{"mode": "managed", "type": "tls_private_key", "name": "key",
        "provider": "p", "instances": [{"attributes": {"id": "k"}}]}"#;

    fn name(number: u32) -> Hostname {
        format!("lablink-vm-test-{number}").parse().unwrap()
    }

    /// A state of a cloud that holds these VMs, each with its clock.
    fn state(lineage: &str, serial: i64, vms: &[u32]) -> Vec<u8> {
        let instances: Vec<Value> = vms
            .iter()
            .map(|number| json!({ "index_key": name(*number), "attributes": { "id": lineage } }))
            .collect();
        let resource = |kind: &str, name: &str| {
            json!({ "mode": "managed", "type": kind, "name": name, "provider": "p",
                "instances": instances })
        };
        let mut state = json!({ "version": 4, "terraform_version": "1.11.4", "lineage": lineage,
            "serial": serial, "outputs": { "x": { "value": 1, "type": "number" } },
            "resources": [resource("aws_instance", "vm"), resource("time_static", "start")] });
        if !vms.is_empty() {
            let key = serde_json::from_str(KEY).unwrap();
            state["resources"].as_array_mut().unwrap().push(key);
        }
        state.to_string().into_bytes()
    }

    fn mended(
        found: &[u8],
        copy: Option<&[u8]>,
        seen: Option<(&str, i64)>,
        existing: &[u32],
        removed: &[u32],
    ) -> (Value, Vec<Hostname>, Vec<Hostname>) {
        let folder = tempfile::tempdir().unwrap();
        let provider = Provider::Local(LocalVms {
            directory: folder.path().to_owned(),
            agent: "agent".into(),
            script: "vm.sh".into(),
            allocator_url: String::new(),
            subject_software: String::new(),
        });
        let seen = seen.map(|(lineage, serial)| Version { lineage: lineage.to_owned(), serial });
        let pieces = Pieces { found, copy, seen: seen.as_ref(), provider: &provider };
        let removed: Vec<Hostname> = removed.iter().copied().map(name).collect();
        let existing = existing.iter().copied().map(name).collect();
        let Mended { state, lost } = mend(&pieces, &existing, &removed).unwrap();
        let vms = state.vms();
        (json!(state), vms, lost)
    }

    #[test]
    fn what_a_newer_state_lost_is_put_back_with_all_that_is_its_own() {
        let (copy, found) = (state("a", 7, &[1, 2]), state("a", 8, &[]));
        let (json, vms, lost) = mended(&found, Some(&copy), Some(("a", 8)), &[1, 2], &[]);
        assert_eq!((&json["lineage"], &json["serial"]), (&json!("a"), &json!(9)));
        assert_eq!((vms, lost), (vec![name(1), name(2)], vec![]));
        assert_eq!(json["resources"][1]["instances"].as_array().unwrap().len(), 2);
        assert_eq!(json["resources"][2]["type"], "tls_private_key");
        assert_eq!(json["outputs"]["x"]["value"], 1);
    }

    #[test]
    fn a_state_of_another_history_or_an_older_one_gives_way_to_the_copy() {
        let copy = state("a", 7, &[1, 2]);
        for found in [state("b", 99, &[5]), state("a", 3, &[1]), Vec::new(), b"{\"ver".to_vec()] {
            let (json, vms, lost) = mended(&found, Some(&copy), Some(("a", 7)), &[1, 2], &[]);
            assert_eq!((&json["lineage"], vms), (&json!("a"), vec![name(1), name(2)]));
            assert!(json["serial"].as_i64().unwrap() > 7 && lost.is_empty());
        }
    }

    #[test]
    fn an_old_copy_brings_no_removed_vm_back_and_says_what_it_lacks() {
        let copy = state("a", 5, &[1, 2]);
        let (_, vms, lost) = mended(b"", Some(&copy), Some(("a", 9)), &[1, 3], &[2]);
        assert_eq!((vms, lost), (vec![name(1)], vec![name(3)]));
    }

    #[test]
    fn a_copy_of_another_history_is_not_what_follows() {
        let copy = state("b", 50, &[1, 8]);
        let (json, vms, _) = mended(b"", Some(&copy), Some(("a", 9)), &[1], &[]);
        assert_eq!((&json["lineage"], vms), (&json!("a"), vec![name(1)]), "only what exists");
    }
}
