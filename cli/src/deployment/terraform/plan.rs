use serde_json::Value;

/// What a run would do.
#[derive(Debug, Default)]
pub struct Plan {
    pub changes: Vec<Planned>,
}

#[derive(Debug)]
pub struct Planned {
    pub address: String,
    pub change: Change,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Make,
    Update,
    /// Removed, and made anew: what is on it is lost.
    Replace,
    Remove,
}

impl Plan {
    /// From `terraform show -json`.
    pub fn read(shown: &Value) -> Self {
        let changes = shown["resource_changes"].as_array().into_iter().flatten();
        let planned = changes.filter_map(|it| {
            let actions: Vec<&str> =
                it["change"]["actions"].as_array()?.iter().filter_map(Value::as_str).collect();
            let change = match actions.as_slice() {
                ["create"] => Change::Make,
                ["update"] => Change::Update,
                ["delete"] => Change::Remove,
                ["delete", "create"] | ["create", "delete"] => Change::Replace,
                _ => return None,
            };
            Some(Planned { address: it["address"].as_str()?.to_owned(), change })
        });
        Self { changes: planned.collect() }
    }

    pub fn of(&self, change: Change) -> impl Iterator<Item = &str> {
        self.changes.iter().filter(move |it| it.change == change).map(|it| it.address.as_str())
    }
}

impl Change {
    pub const ALL: [Self; 4] = [Self::Make, Self::Update, Self::Replace, Self::Remove];

    pub fn sign(self) -> &'static str {
        match self {
            Self::Make => "+",
            Self::Update => "~",
            Self::Replace => "-/+",
            Self::Remove => "-",
        }
    }
}

/// The addresses of what a state holds, without what was only read.
pub fn managed(state: &Value) -> Vec<String> {
    let resources = state["resources"].as_array().into_iter().flatten();
    let managed = resources.filter(|it| it["mode"] == "managed");
    let addresses = managed.flat_map(|it| {
        let text = |name: &str| it[name].as_str().unwrap_or_default().to_owned();
        let module = Some(text("module")).filter(|module| !module.is_empty());
        let base =
            module.map(|it| it + ".").unwrap_or_default() + &text("type") + "." + &text("name");
        let instances = it["instances"].as_array().cloned().unwrap_or_default();
        instances.into_iter().map(move |instance| match &instance["index_key"] {
            Value::Null => base.clone(),
            key => format!("{base}[{key}]"),
        })
    });
    addresses.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_tells_what_is_made_anew_and_a_state_what_is_there() {
        let change = |address: &str, actions: &[&str]| json!({ "address": address, "change": { "actions": actions } });
        let plan = Plan::read(&json!({ "resource_changes": [
            change("a", &["create"]), change("b", &["delete", "create"]), change("c", &["no-op"]),
        ] }));
        assert_eq!(plan.changes.len(), 2);
        assert_eq!(plan.of(Change::Replace).collect::<Vec<_>>(), ["b"]);

        let state = json!({ "resources": [
            { "mode": "managed", "type": "aws_eip", "name": "host", "instances": [{ "index_key": 0 }] },
            { "mode": "managed", "type": "aws_ssm_parameter", "name": "secret",
              "instances": [{ "index_key": "log-token" }] },
            { "mode": "data", "type": "aws_vpc", "name": "it", "instances": [{}] },
        ] });
        assert_eq!(managed(&state), ["aws_eip.host[0]", "aws_ssm_parameter.secret[\"log-token\"]"]);
    }
}
