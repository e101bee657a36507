use std::{collections::BTreeMap, fs};

use anyhow::{Context, Result, ensure};
use lablink_e2e::{Allocator, AwsCloud, BUCKET, Deployment, Process, processes_of};
use serde_json::{Value, json};

/// The tag on all that allocators make.
pub const OURS: (&str, &str) = ("ManagedBy", "lablink-allocator");

/// Of an allocator that keeps its state in a bucket.
const PASSWORD: &str = "tq-57-rx-901";
/// What `infra` puts over the module on its host: the VMs' role may not exceed this.
const BOUNDARY: &str = r#"variable "permissions_boundary_arn" {
  default = "arn:aws:iam::123456789012:policy/lablink_client_boundary_test"
}
"#;

/// A cloud, and a LabLink whose VMs are in it. It has the rights of the host that `infra` makes.
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
        let Some(cloud) = AwsCloud::start(&[])? else { return Ok(None) };
        let text = config(&cloud.image()?, "");
        let text = text.replacen("machine: {", &format!("machine: {{{keys}, "), 1);
        let mut deployment = Deployment::with_config(&text.replace("{, ", "{"))?;
        cloud.give_to(&mut deployment)?;
        Ok(Some(Self { cloud, deployment }))
    }

    /// As it is deployed: its state in a bucket, VMs with a GPU whose logs go to `CloudWatch`.
    /// `cloud`: more options of it.
    pub fn deployed(cloud: &[&str]) -> Result<Option<Self>> {
        let Some(cloud) = AwsCloud::start(cloud)? else { return Ok(None) };
        let deployment = host(&cloud)?;
        Ok(Some(Self { cloud, deployment }))
    }

    /// The id of the one instance that runs under this name.
    pub fn instance(&self, hostname: &str) -> Result<String> {
        let running = self.cloud.running("Name", hostname)?;
        ensure!(running.len() == 1, "{hostname}: {running:?}");
        Ok(running[0].clone())
    }

    /// Kills the Terraform that runs, and tells whether one did.
    pub fn kill_terraform(&self) -> Result<bool> {
        let mut running = processes_of(&self.deployment.data_dir())?;
        running.retain(|it| {
            let program = it.command_line.split(' ').next().unwrap_or_default();
            program.rsplit('/').next() == Some("terraform")
        });
        running.iter().for_each(Process::kill);
        Ok(!running.is_empty())
    }

    /// AWS has nothing left that an allocator has made.
    pub fn nothing_is_left(&self) -> Result<()> {
        let there = self.cloud.present(OURS.0, OURS.1)?;
        ensure!(there.is_empty(), "{there:?}");
        let ours =
            json!({ "Filters": [{ "Name": format!("tag:{}", OURS.0), "Values": [OURS.1] }] });
        for (operation, what) in [
            ("describe_security_groups", "SecurityGroups"),
            ("describe_key_pairs", "KeyPairs"),
            ("describe_volumes", "Volumes"),
        ] {
            let left = &self.cloud.call("ec2", operation, &ours)?[what];
            ensure!(left == &json!([]), "{what}: {left}");
        }
        for (operation, what, name) in [
            ("list_roles", "Roles", "RoleName"),
            ("list_instance_profiles", "InstanceProfiles", "InstanceProfileName"),
        ] {
            let there = self.cloud.call("iam", operation, &json!({}))?;
            let names = there[what].as_array().context("no list")?.iter();
            let mut names = names.filter_map(|it| it[name].as_str());
            let left = names.find(|it| it.contains("cloud_watch_agent") || it.contains("client"));
            ensure!(left.is_none(), "{what}: {left:?}");
        }
        Ok(())
    }
}

/// A host of LabLink's, as `infra` sets it up.
pub fn host(cloud: &AwsCloud) -> Result<Deployment> {
    let text = format!(
        "provider: aws\nmachine: {{machine_type: g4dn.xlarge, ami_id: {}}}\n\
         app: {{region: us-west-2}}\nbucket_name: {BUCKET}\n",
        cloud.image()?
    );
    let mut deployment = Deployment::with_config(&text)?;
    deployment.set("ENVIRONMENT", "test");
    deployment.set("ADMIN_PASSWORD", PASSWORD);
    // Where the tests read it.
    fs::create_dir_all(deployment.data_dir())?;
    fs::write(deployment.data_dir().join("admin-password"), PASSWORD)?;
    deployment.add_to_module("aws", "host_override.tf", BOUNDARY)?;
    cloud.give_to(&mut deployment)?;
    Ok(deployment)
}

/// A configuration for this image, with more lines. VMs send their logs themselves.
pub fn config(image: &str, more: &str) -> String {
    format!(
        "provider: aws\nmachine: {{machine_type: t3.small, ami_id: {image}}}\n\
         logs: {{from_aws: direct}}\napp: {{region: us-west-2}}\n{more}\n"
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

/// Destroys all VMs.
pub async fn destroy_all(allocator: &Allocator) -> Result<()> {
    let begun = allocator.organiser()?.post_form("/destroy", &[]).await?.expect(202)?.json()?;
    let operation = begun["operation_id"].as_i64().context("no operation")?;
    ends(allocator, operation, "succeeded").await.map(drop)
}

/// The instance of each VM. All VMs have one, and AWS has no others.
pub async fn instances(lab: &Lab, allocator: &Allocator) -> Result<BTreeMap<String, String>> {
    let rows = allocator.vms().await?;
    let ids: BTreeMap<String, String> = rows
        .iter()
        .map(|(name, row)| {
            assert_eq!(row["source"], "aws", "{row}");
            assert_eq!(row["instance"]["machine_type"], "g4dn.xlarge", "{row}");
            assert!(row["instance"]["public_address"].is_string(), "{row}");
            Ok((name.clone(), row["instance"]["id"].as_str().context("no instance")?.to_owned()))
        })
        .collect::<Result<_>>()?;
    let there = lab.cloud.present("Environment", "test")?;
    let there = there.iter().map(|it| Ok((name(it)?, it["InstanceId"].as_str().context("no id")?)));
    let there: BTreeMap<&str, &str> = there.collect::<Result<_>>()?;
    let ours = ids.iter().map(|(name, id)| (name.as_str(), id.as_str())).collect();
    assert_eq!(there, ours);
    Ok(ids)
}

fn name(instance: &Value) -> Result<&str> {
    let tags = instance["Tags"].as_array().context("no tags")?;
    let name = tags.iter().find(|tag| tag["Key"] == "Name").context("no name")?;
    name["Value"].as_str().context("no name")
}

/// As what EC2 runs this VM.
pub fn instance_type(lab: &Lab, hostname: &str) -> Result<String> {
    let found = lab.cloud.instances("Name", hostname)?;
    let running = found.iter().find(|it| it["State"]["Name"] == "running");
    let kind = running.and_then(|it| it["InstanceType"].as_str());
    Ok(kind.context("no instance runs under this name")?.to_owned())
}
