//! No running VM is touched that nobody named, whatever changes around it.

use std::fs;

use anyhow::{Context, Result};
use lablink_e2e::OTHER_IMAGE;
use serde_json::{Value, json};

use crate::lab::{Lab, config, ends, replace, vm};

const FIRST: &str = "lablink-vm-dev-1";
const SECOND: &str = "lablink-vm-dev-2";

impl Lab {
    fn configure(&self, image: &str, more: &str) -> Result<()> {
        fs::write(self.deployment.folder().join("config.yaml"), config(image, "", more))?;
        Ok(())
    }
}

#[tokio::test]
async fn another_configuration_image_or_module_touches_no_running_vm() -> Result<()> {
    let Some(lab) = Lab::new()? else { return Ok(()) };
    let allocator = lab.deployment.start().await?;
    ends(&allocator, allocator.launch(1).await?, "succeeded").await?;
    allocator.until_free(1).await?;
    let first = lab.instance(FIRST)?;
    allocator.stop().await?;

    // All that a configuration says of machines.
    lab.configure(OTHER_IMAGE, "startup_script: {on_error: fail}")?;
    let text = fs::read_to_string(lab.deployment.folder().join("config.yaml"))?;
    let machine = "t3.medium, other_machine_types: [t3.small], zones: [us-west-2b], spot: true, \
                   spot_max_price: 1.5, root_volume_gb: 90, assign_public_ip: false";
    let text = text.replace("t3.small", machine).replace("logs: {from_aws: direct}\n", "");
    fs::write(lab.deployment.folder().join("config.yaml"), text)?;
    let allocator = lab.deployment.start().await?;
    ends(&allocator, allocator.launch(1).await?, "succeeded").await?;
    assert_eq!(lab.instance(FIRST)?, first);
    let second = lab.instance(SECOND)?;
    let made = vm(&allocator, SECOND).await?["instance"].clone();
    assert_eq!((&made["machine_type"], &made["zone"]), (&json!("t3.medium"), &json!("us-west-2b")));
    assert_eq!(made["public_address"], Value::Null);
    let told = &lab.cloud.instances("Name", SECOND)?[0];
    assert_eq!(told["InstanceLifecycle"], "spot");
    assert_eq!(vm(&allocator, FIRST).await?["instance"]["machine_type"], "t3.small");
    allocator.stop().await?;

    // A module that no longer keeps VMs as they are.
    lab.deployment.change_module("aws", |text| {
        let start = text.find("    ignore_changes = [\n      ami,")?;
        let end = start + text[start..].find("    ]\n")? + "    ]\n".len();
        Some(format!("{}{}", &text[..start], &text[end..]))
    })?;
    lab.configure(OTHER_IMAGE, "")?;
    let allocator = lab.deployment.start().await?;
    let refused = ends(&allocator, allocator.launch(1).await?, "failed").await?;
    let reason = refused["reason"].as_str().context("no reason")?;
    assert!(reason.contains("Nothing was changed") && reason.contains(FIRST), "{reason}");
    assert_eq!((lab.instance(FIRST)?, lab.instance(SECOND)?), (first, second));
    assert_eq!(lab.cloud.calls("StopInstances")?, 0);
    allocator.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_vm_that_is_gone_is_made_again_only_when_it_is_named() -> Result<()> {
    let Some(lab) = Lab::new()? else { return Ok(()) };
    let allocator = lab.deployment.start().await?;
    ends(&allocator, allocator.launch(1).await?, "succeeded").await?;
    allocator.until_free(1).await?;
    lab.cloud.happens("terminate", FIRST);

    ends(&allocator, allocator.launch(1).await?, "succeeded").await?;
    assert!(lab.cloud.running("Name", FIRST)?.is_empty());
    lab.instance(SECOND)?;

    ends(&allocator, replace(&allocator, FIRST).await?, "succeeded").await?;
    let again = lab.instance(FIRST)?;
    assert_eq!(vm(&allocator, FIRST).await?["instance"]["id"], again);
    allocator.until_free(2).await?;
    allocator.stop().await?;
    Ok(())
}
