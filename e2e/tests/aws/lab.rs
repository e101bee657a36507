use std::fs;

use anyhow::{Context, Result, ensure};
use lablink_e2e::{Allocator, AwsCloud, Deployment};
use serde_json::{Value, json};

/// The tag on all that allocators make.
pub const OURS: (&str, &str) = ("ManagedBy", "lablink-allocator");

/// Of an allocator that keeps its state in a bucket.
const PASSWORD: &str = "tq-57-rx-901";

/// A cloud, and a LabLink whose VMs are in it.
pub struct Lab {
    pub cloud: AwsCloud,
    pub deployment: Deployment,
}

impl Lab {
    /// With its state on this machine. None: there is no cloud.
    pub fn new() -> Result<Option<Self>> {
        Self::with_machine("")
    }

    /// The same, with more keys of `machine`.
    pub fn with_machine(keys: &str) -> Result<Option<Self>> {
        let Some(cloud) = AwsCloud::start()? else { return Ok(None) };
        let text = config(&cloud.image()?, "", "");
        let text = text.replacen("machine: {", &format!("machine: {{{keys}, "), 1);
        let mut deployment = Deployment::with_config(&text.replace("{, ", "{"))?;
        cloud.give_to(&mut deployment);
        Ok(Some(Self { cloud, deployment }))
    }

    /// As deployed: with its state in the bucket.
    pub fn in_bucket(bucket: &str) -> Result<Option<Self>> {
        let Some(cloud) = AwsCloud::start()? else { return Ok(None) };
        let more = format!("bucket_name: {bucket}");
        let login = format!("admin_password: {PASSWORD}");
        let mut deployment = Deployment::with_config(&config(&cloud.image()?, &login, &more))?;
        cloud.give_to(&mut deployment);
        deployment.set("ENVIRONMENT", "test");
        // Where the tests read it.
        fs::create_dir_all(deployment.data_dir())?;
        fs::write(deployment.data_dir().join("admin-password"), PASSWORD)?;
        Ok(Some(Self { cloud, deployment }))
    }

    /// The id of the one instance that runs under this name.
    pub fn instance(&self, hostname: &str) -> Result<String> {
        let running = self.cloud.running("Name", hostname)?;
        ensure!(running.len() == 1, "{hostname}: {running:?}");
        Ok(running[0].clone())
    }
}

/// A configuration for this image, with more keys of `app`, and more lines.
pub fn config(image: &str, app: &str, more: &str) -> String {
    format!(
        "provider: aws\nmachine: {{machine_type: t3.small, ami_id: {image}}}\n\
         logs: {{from_aws: direct}}\napp: {{region: us-west-2, {app}}}\n{more}\n"
    )
}

/// What this operation ended with, which must be this state.
pub async fn ends(allocator: &Allocator, operation: i64, state: &str) -> Result<Value> {
    let ended = allocator.until_ended(operation).await?;
    ensure!(ended["state"] == state, "{ended}");
    Ok(ended)
}

/// A VM as the API tells it.
pub async fn vm(allocator: &Allocator, hostname: &str) -> Result<Value> {
    allocator.organiser()?.get(&format!("/api/vms/{hostname}")).await?.expect(200)?.json()
}

/// Asks for a new machine for this VM.
pub async fn replace(allocator: &Allocator, hostname: &str) -> Result<i64> {
    let path = format!("/api/vms/{hostname}/replace");
    let answer = allocator.organiser()?.post_json(&path, &json!({})).await?.expect(202)?;
    answer.json()?["operation_id"].as_i64().context("no operation")
}

/// As what EC2 runs this VM.
pub fn instance_type(lab: &Lab, hostname: &str) -> Result<String> {
    let found = lab.cloud.instances("Name", hostname)?;
    let running = found.iter().find(|it| it["State"]["Name"] == "running");
    let kind = running.and_then(|it| it["InstanceType"].as_str());
    Ok(kind.context("no instance runs under this name")?.to_owned())
}
