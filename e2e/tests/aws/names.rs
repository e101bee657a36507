//! What a deployment is called, what it gives its VMs, and what it is refused.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::json;

use crate::lab::{Lab, config, ends};

const SCRIPT: &str = "#!/bin/bash\ntouch /opt/course\n";
const GIVEN: &str = "startup_script: {enabled: true, path: course.sh, attempts: 7, \
                     success_check: test -f /opt/course}";

impl Lab {
    /// The allocator does not start, and its log says why.
    async fn is_refused(&self) -> Result<String> {
        ensure!(self.deployment.start().await.is_err(), "it started");
        Ok(fs::read_to_string(self.deployment.log_file())?)
    }

    fn call_it(&self, name: &str) -> Result<()> {
        let text = config(&self.cloud.image()?, &format!("{name}\n{GIVEN}"));
        Ok(fs::write(self.deployment.folder().join("config.yaml"), text)?)
    }
}

#[tokio::test]
#[ignore = "make test-aws"]
async fn all_that_a_deployment_makes_bears_its_name_which_stays() -> Result<()> {
    let Some(mut lab) = Lab::new()? else { return Ok(()) };
    fs::write(lab.deployment.folder().join("course.sh"), SCRIPT)?;
    lab.call_it("deployment_name: biology")?;
    lab.nobody_could_fetch_results().await?;

    let allocator = lab.deployment.start().await?;
    ends(&allocator, allocator.launch(1).await?, "succeeded").await?;
    assert_eq!(lab.cloud.running("Deployment", "biology")?.len(), 1);
    let ours = json!({ "Filters": [{ "Name": "tag:Deployment", "Values": ["biology"] }] });
    let groups = lab.cloud.call("ec2", "describe_security_groups", &ours)?;
    let name = groups["SecurityGroups"][0]["GroupName"].as_str().context("no group")?;
    assert_eq!(name, "lablink_client_biology_dev_sg");
    assert!(lab.deployment.data_dir().join("state/biology.dev.tfstate").exists());
    allocator.stop().await?;
    lab.script_came_with_how_it_is_tried()?;

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

impl Lab {
    /// A start without an address that VMs could admit is refused.
    async fn nobody_could_fetch_results(&mut self) -> Result<()> {
        self.deployment.set("ALLOCATOR_PUBLIC_IP", "");
        // Where no instance's metadata is.
        self.deployment.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:9");
        let said = self.is_refused().await?;
        assert!(said.contains("set ALLOCATOR_PUBLIC_IP"), "{said}");
        self.deployment.set("ALLOCATOR_PUBLIC_IP", "127.0.0.1");
        Ok(())
    }

    fn script_came_with_how_it_is_tried(&self) -> Result<()> {
        let root = self.cloud.root(&self.instance("lablink-vm-dev-1")?);
        assert_eq!(fs::read_to_string(root.join("etc/config/custom-startup.sh"))?, SCRIPT);
        let settings = fs::read_to_string(root.join("etc/lablink/vm.env"))?;
        for line in ["STARTUP_ATTEMPTS", "7", "STARTUP_SUCCESS_CHECK", "test -f /opt/course"] {
            assert!(settings.contains(line), "{settings}");
        }
        Ok(())
    }
}
