//! What the state says of an instance in a cloud. Its attributes are written as soon as the cloud has
//! made it; outputs only at the end of a run in which nothing failed.

use std::net::IpAddr;

use lablink_core::vms::Instance;
use serde_json::Value;

/// The instance that a resource of this type is, if it is one.
pub(super) fn of(kind: &str, attributes: &Value) -> Option<Instance> {
    if kind != "aws_instance" {
        return None;
    }
    let text = |name: &str| attributes[name].as_str().filter(|text| !text.is_empty());
    let address = |name: &str| text(name)?.parse::<IpAddr>().ok();
    Some(Instance {
        id: text("id")?.to_owned(),
        machine_type: text("instance_type").unwrap_or_default().to_owned(),
        zone: text("availability_zone").unwrap_or_default().to_owned(),
        private_address: address("private_ip"),
        public_address: address("public_ip"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_made_yet_is_no_instance() {
        let attributes = serde_json::json!({
            "id": "i-0abc", "instance_type": "g4dn.xlarge", "availability_zone": "us-west-2b",
            "private_ip": "10.0.0.7", "public_ip": "", "tags": { "Name": "lablink-vm-test-1" },
        });
        let instance = of("aws_instance", &attributes).unwrap();
        assert_eq!((&*instance.id, &*instance.zone), ("i-0abc", "us-west-2b"));
        assert_eq!(instance.private_address, Some("10.0.0.7".parse().unwrap()));
        assert_eq!(instance.public_address, None);
        assert_eq!(of("terraform_data", &attributes), None);
        assert_eq!(of("aws_instance", &serde_json::json!({ "id": null })), None);
    }
}
