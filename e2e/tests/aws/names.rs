//! What a deployment is called, what it gives its VMs, and what it is refused.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::lab::{Lab, config, ends};

impl Lab {
    /// The allocator does not start, and its log says why.
    async fn is_refused(&self) -> Result<String> {
        ensure!(self.deployment.start().await.is_err(), "it started");
        Ok(fs::read_to_string(self.deployment.log_file())?)
    }

    fn call_it(&self, name: &str) -> Result<()> {
        let text = config(&self.cloud.image()?, "", name);
        Ok(fs::write(self.deployment.folder().join("config.yaml"), text)?)
    }
}

#[tokio::test]
async fn a_start_that_would_let_nobody_fetch_results_is_refused() -> Result<()> {
    let Some(mut lab) = Lab::new()? else { return Ok(()) };
    lab.deployment.set("ALLOCATOR_PUBLIC_IP", "");
    // Where no instance's metadata is.
    lab.deployment.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9");
    let said = lab.is_refused().await?;
    assert!(said.contains("set ALLOCATOR_PUBLIC_IP"), "{said}");
    Ok(())
}

#[tokio::test]
async fn an_organiser_s_script_comes_to_the_vm_with_how_it_is_tried() -> Result<()> {
    let Some(lab) = Lab::new()? else { return Ok(()) };
    let script = "#!/bin/bash\ntouch /opt/course\n";
    fs::write(lab.deployment.folder().join("course.sh"), script)?;
    lab.call_it(
        "startup_script: {enabled: true, path: course.sh, attempts: 7, \
         success_check: test -f /opt/course}",
    )?;
    let allocator = lab.deployment.start().await?;
    ends(&allocator, allocator.launch(1).await?, "succeeded").await?;
    let root = lab.cloud.root(&lab.instance("lablink-vm-dev-1")?);
    assert_eq!(fs::read_to_string(root.join("etc/config/custom-startup.sh"))?, script);
    let settings = fs::read_to_string(root.join("etc/lablink/vm.env"))?;
    for line in ["STARTUP_ATTEMPTS", "7", "STARTUP_SUCCESS_CHECK", "test -f /opt/course"] {
        assert!(settings.contains(line), "{settings}");
    }
    allocator.stop().await?;
    Ok(())
}

#[tokio::test]
async fn all_that_a_deployment_makes_bears_its_name_which_stays() -> Result<()> {
    let Some(lab) = Lab::new()? else { return Ok(()) };
    lab.call_it("deployment_name: biology")?;
    let allocator = lab.deployment.start().await?;
    ends(&allocator, allocator.launch(1).await?, "succeeded").await?;
    assert_eq!(lab.cloud.running("Deployment", "biology")?.len(), 1);
    let ours = json!({ "Filters": [{ "Name": "tag:Deployment", "Values": ["biology"] }] });
    let groups = lab.cloud.call("ec2", "describe_security_groups", &ours)?;
    let name = groups["SecurityGroups"][0]["GroupName"].as_str().context("no group")?;
    assert_eq!(name, "lablink_client_biology_dev_sg");
    assert!(lab.deployment.data_dir().join("state/biology.dev.tfstate").exists());
    allocator.stop().await?;

    for other in ["deployment_name: physics", ""] {
        lab.call_it(other)?;
        let said = lab.is_refused().await?;
        assert!(said.contains("made as 'biology'"), "{said}");
    }
    lab.call_it("deployment_name: biology")?;
    let allocator = lab.deployment.start().await?;
    allocator.until_free(1).await?;
    allocator.stop().await?;
    Ok(())
}
