//! One message of Terraform's `-json` output
//! (developer.hashicorp.com/terraform/internals/machine-readable-ui).

use jiff::Timestamp;
use lablink_protocol::Hostname;
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct TerraformMessage {
    #[serde(rename = "@level", default)]
    pub level: String,
    #[serde(rename = "@message", default)]
    pub message: String,
    #[serde(rename = "@timestamp")]
    pub at: Option<Timestamp>,
    #[serde(rename = "type", default)]
    pub kind: String,
    pub diagnostic: Option<Diagnostic>,
    pub changes: Option<Changes>,
    /// What is planned for a resource.
    pub change: Option<Deed>,
    /// What happens to a resource.
    pub hook: Option<Deed>,
}

#[derive(Deserialize)]
pub(super) struct Diagnostic {
    pub severity: String,
    pub summary: String,
    #[serde(default)]
    pub detail: String,
    /// The resource, as in `terraform_data.vm["lablink-vm-dev-1"]`.
    pub address: Option<String>,
}

impl Diagnostic {
    pub fn vm(&self) -> Option<Hostname> {
        self.address.as_deref()?.split('"').nth(1)?.parse().ok()
    }
}

#[derive(Deserialize)]
pub(super) struct Changes {
    pub add: i32,
    pub change: i32,
    pub remove: i32,
    #[serde(default)]
    pub operation: String,
}

#[derive(Deserialize)]
pub(super) struct Deed {
    #[serde(default)]
    pub resource: Resource,
    #[serde(default)]
    pub action: String,
}

#[derive(Default, Deserialize)]
pub(super) struct Resource {
    #[serde(default)]
    resource_name: String,
    #[serde(default)]
    resource_key: serde_json::Value,
}

impl Resource {
    pub fn vm(&self) -> Option<Hostname> {
        vm(&self.resource_name, &self.resource_key)
    }
}

/// The VM that a resource of this name and key is: every module calls its machines `vm`, keyed by
/// hostname.
pub(super) fn vm(name: &str, key: &serde_json::Value) -> Option<Hostname> {
    if name == "vm" { key.as_str()?.parse().ok() } else { None }
}
