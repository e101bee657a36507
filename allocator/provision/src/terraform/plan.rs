//! What a plan of Terraform's would do to VMs.

use std::collections::{BTreeMap, BTreeSet};

use lablink_core::placement::Place;
use lablink_protocol::Hostname;
use serde::Deserialize;
use serde_json::Value;

use super::message;

/// What of an instance can change while it runs. A change of anything else may stop it.
const HARMLESS: [&str; 16] = [
    "credit_specification",
    "disable_api_stop",
    "disable_api_termination",
    // These are the provider's own, and change nothing in AWS.
    "force_destroy",
    "get_password_data",
    "timeouts",
    "user_data_replace_on_change",
    "iam_instance_profile",
    "instance_initiated_shutdown_behavior",
    "metadata_options",
    "monitoring",
    // Its tags, size and kind; what else there is of a disk needs a new machine.
    "root_block_device",
    "tags",
    "tags_all",
    "volume_tags",
    "vpc_security_group_ids",
];

/// What results are fetched with. Machines that run know no other.
const KEY: &str = "tls_private_key";

/// As `terraform show -json` gives it.
#[derive(Deserialize)]
pub(super) struct Plan {
    #[serde(default)]
    resource_changes: Vec<Planned>,
    #[serde(default)]
    planned_values: PlannedValues,
    #[serde(default)]
    prior_state: PriorState,
}

#[derive(Default, Deserialize)]
struct PlannedValues {
    #[serde(default)]
    outputs: Outputs,
}

#[derive(Default, Deserialize)]
struct Outputs {
    #[serde(default)]
    zones: Zones,
}

/// By machine type, where one can be made.
#[derive(Default, Deserialize)]
struct Zones {
    #[serde(default)]
    value: BTreeMap<String, Vec<String>>,
}

/// What there is already, with what was only read.
#[derive(Default, Deserialize)]
struct PriorState {
    #[serde(default)]
    values: PriorValues,
}

#[derive(Default, Deserialize)]
struct PriorValues {
    #[serde(default)]
    root_module: RootModule,
}

#[derive(Default, Deserialize)]
struct RootModule {
    #[serde(default)]
    resources: Vec<Known>,
}

#[derive(Deserialize)]
struct Known {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    values: Value,
}

/// Where a plan makes machines, and where machines could be made.
#[derive(Debug, Default)]
pub(super) struct Aims {
    /// Of those that it makes, as far as that is known beforehand.
    pub places: BTreeMap<Hostname, Place>,
    /// The zones of each machine type.
    pub zones: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
struct Planned {
    #[serde(rename = "type")]
    kind: String,
    name: String,
    #[serde(default)]
    index: Value,
    change: Change,
}

#[derive(Deserialize)]
struct Change {
    actions: Vec<String>,
    #[serde(default)]
    before: Value,
    #[serde(default)]
    after: Value,
}

impl Plan {
    pub fn parse(json: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(json)
    }

    /// What it would do to VMs that are not among those `named`: make, make anew, stop or remove them, or
    /// lose the key to them.
    pub fn beyond(&self, named: &BTreeSet<Hostname>) -> Vec<Beyond> {
        let key_goes = self.resource_changes.iter().any(Planned::takes_key_away);
        let loss = key_goes.then(|| "lose the key for its results".to_owned());
        let vms = self.resource_changes.iter().filter_map(|planned| {
            let hostname = message::vm(&planned.name, &planned.index)?;
            let deed = planned.change.deed().or_else(|| loss.clone())?;
            (!named.contains(&hostname)).then_some(Beyond { hostname, deed })
        });
        vms.collect()
    }
}

impl Plan {
    pub fn aims(self) -> Aims {
        let subnets = self.prior_state.values.root_module.resources.iter();
        let subnets = subnets.filter(|it| it.kind == "aws_subnet").filter_map(|subnet| {
            Some((subnet.values["id"].as_str()?, subnet.values["availability_zone"].as_str()?))
        });
        let zone_of: BTreeMap<&str, &str> = subnets.collect();
        let places = self.resource_changes.iter().filter_map(|planned| {
            let hostname = message::vm(&planned.name, &planned.index)?;
            let Change { actions, after, .. } = &planned.change;
            actions.iter().find(|action| *action == "create")?;
            let machine_type = after["instance_type"].as_str()?.to_owned();
            let zone = (*zone_of.get(after["subnet_id"].as_str()?)?).to_owned();
            Some((hostname, Place { machine_type, zone }))
        });
        Aims { places: places.collect(), zones: self.planned_values.outputs.zones.value }
    }
}

/// What a plan would do to a VM that nobody named.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Beyond {
    pub hostname: Hostname,
    /// As in `create`, or `change user_data`.
    pub deed: String,
}

impl Planned {
    fn takes_key_away(&self) -> bool {
        let goes = |action: &String| matches!(action.as_str(), "delete" | "forget");
        self.kind == KEY && self.change.actions.iter().any(goes)
    }
}

impl Change {
    /// None: it does nothing to a machine that runs.
    fn deed(&self) -> Option<String> {
        let actions: Vec<&str> = self.actions.iter().map(String::as_str).collect();
        match actions[..] {
            ["no-op" | "read"] => None,
            ["update"] => {
                let harmful = self.harmful();
                (!harmful.is_empty()).then(|| format!("change {}", harmful.join(", ")))
            }
            _ => Some(actions.join(" and ")),
        }
    }

    /// What it changes that may stop an instance.
    fn harmful(&self) -> Vec<&str> {
        let before = self.before.as_object();
        // What is not known before the run is not among them.
        let after = self.after.as_object().into_iter().flatten();
        let changed =
            after.filter(|(name, value)| before.and_then(|it| it.get(*name)) != Some(*value));
        let names = changed.map(|(name, _)| name.as_str());
        names.filter(|name| !HARMLESS.contains(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The VMs that this change of VM 1 touches though only VM 2 is named.
    fn touched(actions: &[&str], before: &Value, after: &Value) -> usize {
        let change = |index: &str, actions: &[&str]| {
            json!({ "type": "aws_instance", "name": "vm", "index": index,
                "change": { "actions": actions, "before": before, "after": after } })
        };
        let other = json!({ "type": "time_static", "name": "end", "index": "lablink-vm-test-1",
            "change": { "actions": ["delete", "create"] } });
        let changes = [
            change("lablink-vm-test-1", actions),
            change("lablink-vm-test-2", &["delete", "create"]),
            other,
        ];
        let plan = json!({ "resource_changes": changes }).to_string();
        let named = BTreeSet::from(["lablink-vm-test-2".parse().unwrap()]);
        Plan::parse(plan.as_bytes()).unwrap().beyond(&named).len()
    }

    #[test]
    fn a_plan_may_touch_the_vms_that_are_named() {
        let none = &Value::Null;
        assert_eq!(touched(&["no-op"], none, none), 0);
        for actions in [&["create"][..], &["delete"], &["delete", "create"], &["forget"]] {
            assert_eq!(touched(actions, none, none), 1, "{actions:?}");
        }
    }

    #[test]
    fn the_key_to_vms_that_stay_stays() {
        let vm = |name: &str, actions: &[&str]| {
            json!({ "type": "aws_instance", "name": "vm", "index": name,
                "change": { "actions": actions } })
        };
        let key = json!({ "type": "tls_private_key", "name": "vm",
            "change": { "actions": ["delete", "create"] } });
        let beyond = |vms: [Value; 2]| {
            let changes = [&vms[..], std::slice::from_ref(&key)].concat();
            let plan = json!({ "resource_changes": changes }).to_string();
            let named = BTreeSet::from(["vm-2".parse().unwrap()]);
            Plan::parse(plan.as_bytes()).unwrap().beyond(&named).len()
        };
        assert_eq!(beyond([vm("vm-1", &["no-op"]), vm("vm-2", &["create"])]), 1);
        // With the last VM goes the key.
        assert_eq!(beyond([vm("vm-2", &["delete"]), vm("vm-2", &["delete"])]), 0);
    }

    #[test]
    fn a_change_in_place_is_fit_if_it_stops_nothing() {
        let before = json!({ "tags": {}, "instance_type": "t3.small", "user_data": "a" });
        let tagged = json!({ "tags": { "a": "b" }, "instance_type": "t3.small", "user_data": "a" });
        let grown = json!({ "tags": {}, "instance_type": "t3.large", "user_data": "a" });
        assert_eq!(touched(&["update"], &before, &tagged), 0);
        assert_eq!(touched(&["update"], &before, &grown), 1);
    }

    #[test]
    fn it_tells_where_machines_are_made_and_could_be() {
        let subnet = |id: &str, zone: &str| json!({ "type": "aws_subnet", "values": { "id": id, "availability_zone": zone } });
        let vm = |number: u32, actions: &[&str], subnet: &str| {
            json!({ "type": "aws_instance", "name": "vm", "index": format!("lablink-vm-test-{number}"),
                "change": { "actions": actions,
                    "after": { "instance_type": "g5.xlarge", "subnet_id": subnet } } })
        };
        let plan = json!({
            "resource_changes": [vm(1, &["create"], "s-1"), vm(2, &["no-op"], "s-1"),
                vm(3, &["delete", "create"], "s-2"), vm(4, &["create"], "s-unknown")],
            "planned_values": { "outputs": { "zones": { "value": { "g5.xlarge": ["a", "b"] } },
                "vms": { "sensitive": false } } },
            "prior_state": { "values": { "root_module": {
                "resources": [subnet("s-1", "a"), subnet("s-2", "b")] } } },
        });
        let aims = Plan::parse(plan.to_string().as_bytes()).unwrap().aims();
        let places = aims.places.iter().map(|(vm, place)| format!("{vm} {}", place.zone));
        let places: Vec<String> = places.collect();
        assert_eq!(places, ["lablink-vm-test-1 a", "lablink-vm-test-3 b"]);
        assert_eq!(aims.zones["g5.xlarge"], ["a", "b"]);
    }
}
