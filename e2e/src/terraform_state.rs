use std::{collections::BTreeMap, fs, path::Path};

use anyhow::{Context, Result};
use serde::Deserialize;

/// What Terraform's state file says of the VMs, read without our own programs.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TerraformState(pub BTreeMap<String, Condition>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Whole,
    /// Its creation was cut off.
    Tainted,
}

#[derive(Deserialize)]
struct File {
    resources: Vec<Resource>,
}

#[derive(Deserialize)]
struct Resource {
    name: String,
    instances: Vec<Instance>,
}

#[derive(Deserialize)]
struct Instance {
    index_key: String,
    status: Option<String>,
}

impl TerraformState {
    pub fn read(file: &Path) -> Result<Self> {
        let text = fs::read(file).with_context(|| format!("no state in {}", file.display()))?;
        let file: File = serde_json::from_slice(&text)?;
        let vms = file.resources.into_iter().filter(|resource| resource.name == "vm");
        let vms = vms.flat_map(|resource| resource.instances).map(|vm| {
            let condition = match vm.status.as_deref() {
                Some("tainted") => Condition::Tainted,
                _ => Condition::Whole,
            };
            (vm.index_key, condition)
        });
        Ok(Self(vms.collect()))
    }

    pub fn hostnames(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}
