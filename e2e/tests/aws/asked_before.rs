//! What AWS is asked before a launch.

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::lab::{Lab, OURS};

#[tokio::test]
async fn a_launch_that_the_quota_or_a_missing_answer_forbids_is_refused_at_the_form() -> Result<()>
{
    let Some(lab) = Lab::new()? else { return Ok(()) };
    lab.cloud.fault(&["quota", "9", "--family", "standard"])?;
    let allocator = lab.deployment.start().await?;
    let organiser = allocator.organiser()?;
    let launch = json!({ "num_vms": 40 });
    let refused = organiser.post_json("/api/launch", &launch).await?.expect(422)?.json()?;
    let why = "40 × t3.small wanted, quota 9 vCPU: 4 fit.";
    ensure!(refused["error"] == why, "{refused}");
    let browser = allocator.organisers_browser()?;
    let page = browser.post_form("/api/launch", &[("num_vms", "40")]).await?.expect(422)?;
    let request = "--desired-value 80";
    ensure!(page.text().contains(why) && page.body.contains(request), "{}", page.body);
    let told = organiser.get("/api/preflight?count=4&hours=2").await?.expect(200)?.json()?;
    ensure!(told["can_launch"] == true && told["gpu_support"] == false, "{told}");
    let findings = told["findings"].as_array().context("findings")?;
    ensure!(findings.len() == 6, "{told}");
    // The host's role is enough for every question.
    ensure!(findings.iter().all(|it| it["verdict"] == "good"), "{told}");

    lab.cloud.fault(&["deny", "--action", "DescribeInstanceTypes"])?;
    let launch = json!({ "num_vms": 1 });
    let refused = organiser.post_json("/api/launch", &launch).await?.expect(422)?.json()?;
    let why = refused["error"].as_str().context("no reason")?;
    ensure!(why.contains("whether t3.small has a GPU"), "{why}");
    ensure!(allocator.operations().await?.is_empty());
    ensure!(lab.cloud.present(OURS.0, OURS.1)?.is_empty());
    allocator.stop().await?;
    Ok(())
}
