//! Reboots of VMs by EC2.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::lab::{Lab, ends};

const FIRST: &str = "lablink-vm-dev-1";

#[tokio::test]
#[ignore = "make test-aws"]
async fn a_reboot_waits_for_the_agent_s_new_start_and_says_how_it_went() -> Result<()> {
    let Some(lab) = Lab::new()? else { return Ok(()) };
    let allocator = lab.deployment.start().await?;
    ends(&allocator, allocator.launch(1).await?, "succeeded").await?;
    allocator.until_free(1).await?;
    let before = lab.instance(FIRST)?;
    let path = format!("/api/vms/{FIRST}/reboot");
    let answer = allocator.organiser()?.post_json(&path, &json!({})).await?;
    let operation = answer.json()?["operation_id"].as_i64().context("an operation")?;
    let ended = ends(&allocator, operation, "succeeded").await?;
    let verdict = ended["reason"].as_str().context("a verdict")?;
    ensure!(verdict.starts_with("It came back after "), "{verdict}");
    ensure!(lab.cloud.calls("RebootInstances")? == 1);
    ensure!(lab.instance(FIRST)? == before);
    allocator.until_free(1).await?;

    lab.cloud.fault(&["deny", "--action", "RebootInstances"])?;
    let refused = allocator.organiser()?.post_json(&path, &json!({})).await?.expect(409)?.json()?;
    let why = refused["error"].as_str().context("a reason")?;
    ensure!(why.contains("AWS did not reboot the machine"), "{why}");
    allocator.stop().await?;
    Ok(())
}
