//! What AWS is asked before a launch.

use std::fs;

use anyhow::{Context, Result, ensure};
use lablink_e2e::{AwsCloud, Deployment};
use serde_json::json;

use crate::lab::{Lab, config, ends};

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
    let told = organiser.get("/api/preflight?count=4&hours=2").await?.expect(200)?.json()?;
    ensure!(told["can_launch"] == true && told["gpu_support"] == false, "{told}");
    ensure!(told["findings"].as_array().context("findings")?.len() == 6, "{told}");

    lab.cloud.fault(&["deny", "--action", "DescribeInstanceTypes"])?;
    let launch = json!({ "num_vms": 1 });
    let refused = organiser.post_json("/api/launch", &launch).await?.expect(422)?.json()?;
    let why = refused["error"].as_str().context("no reason")?;
    ensure!(why.contains("whether t3.small has a GPU"), "{why}");
    ensure!(lab.cloud.running("ManagedBy", "lablink-allocator")?.is_empty());
    allocator.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_machine_with_a_gpu_is_made_with_support_for_it() -> Result<()> {
    let Some(cloud) = AwsCloud::start()? else { return Ok(()) };
    let with_gpu = config(&cloud.image()?, "", "").replace("t3.small", "g4dn.xlarge");
    let mut deployment = Deployment::with_config(&with_gpu)?;
    cloud.give_to(&mut deployment);
    let allocator = deployment.start().await?;
    ends(&allocator, allocator.launch(1).await?, "succeeded").await?;
    let told = deployment.data_dir().join("terraform/dev/terraform.runtime.tfvars");
    let told = fs::read_to_string(told)?;
    ensure!(told.contains("gpu_support = \"true\""), "{told}");
    allocator.stop().await?;
    Ok(())
}
