use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use lablink_test_cloud::RunningCloud;
use serde_json::{Value, json};

use crate::{Deployment, programs};

/// A stand-in for AWS, on which instances are processes of our agent, and the rights of those who call
/// are enforced. Ends with all that it started.
pub struct AwsCloud(pub(crate) RunningCloud);

/// Of which Terraform's state is kept.
pub const BUCKET: &str = "states";
const GONE: [&str; 2] = ["shutting-down", "terminated"];
/// Another image than the usual one.
pub const OTHER_IMAGE: &str = "ami-00000000000000002";

impl AwsCloud {
    /// None, with a sentence on standard error: there is no stand-in here. `more`: its options, such as
    /// `--ssh`, with which instances answer that. Two clouds with it at once would take each other's
    /// addresses.
    pub fn start(more: &[&str]) -> Result<Option<Self>> {
        let (agent, desktop) = (programs::built("lablink-client")?, programs::start_host());
        let (agent, desktop) =
            (agent.to_str().context("a path")?, desktop.to_str().context("a path")?);
        let booting = ["--boot", agent, "--desktop", desktop];
        let there = ["--enforce-rights", "--bucket", BUCKET, "--image", OTHER_IMAGE];
        Ok(RunningCloud::start(&[&booting[..], &there, more].concat()).map(Self))
    }

    /// The image of the project's own machines.
    pub fn image(&self) -> Result<String> {
        let found = self.0.environment().into_iter().find(|(name, _)| name == "AWS_CLOUD_AMI");
        Ok(found.context("no image")?.1)
    }

    /// Lets allocators of this deployment that start from now on find this cloud, with the rights of the
    /// host that `infra` makes for their configuration.
    pub fn give_to(&self, deployment: &mut Deployment) -> Result<()> {
        let keys = self.host_keys(deployment)?;
        for (name, value) in self.0.environment() {
            if name.starts_with("AWS_") {
                deployment.set(&name, value);
            }
        }
        for (name, value) in keys {
            deployment.set(name, value);
        }
        deployment.set("HOME", self.0.dir().join("home"));
        // As sshd on this machine sees whoever comes from it.
        deployment.set("ALLOCATOR_PUBLIC_IP", "127.0.0.1");
        deployment.set("ALLOCATOR_FQDN", format!("http://127.0.0.1:{}", deployment.port));
        Ok(())
    }

    /// Makes a home in which the SDKs and Terraform find this cloud.
    pub fn copy_home(&self, home: &Path) -> Result<()> {
        let copied =
            Command::new("cp").arg("-r").arg(self.0.dir().join("home")).arg(home).status()?;
        ensure!(copied.success(), "the cloud's home can't be copied");
        Ok(())
    }

    /// One call of AWS's API.
    pub fn call(&self, service: &str, operation: &str, request: &Value) -> Result<Value> {
        Ok(self.0.call(service, operation, request))
    }

    /// Every instance that is there or was, as `DescribeInstances` tells it, with this value of a tag.
    pub fn instances(&self, tag: &str, value: &str) -> Result<Vec<Value>> {
        let filter = json!({ "Filters": [{ "Name": format!("tag:{tag}"), "Values": [value] }] });
        let found = self.call("ec2", "describe_instances", &filter)?;
        let reservations = found["Reservations"].as_array().context("no reservations")?;
        Ok(reservations
            .iter()
            .flat_map(|it| it["Instances"].as_array())
            .flatten()
            .cloned()
            .collect())
    }

    /// Those of this tag that are there: they run, or will, or could again.
    pub fn present(&self, tag: &str, value: &str) -> Result<Vec<Value>> {
        let mut instances = self.instances(tag, value)?;
        instances.retain(|it| !GONE.iter().any(|state| it["State"]["Name"] == *state));
        Ok(instances)
    }

    /// The ids of those that run.
    pub fn running(&self, tag: &str, value: &str) -> Result<Vec<String>> {
        let instances = self.instances(tag, value)?;
        let running = instances.iter().filter(|it| it["State"]["Name"] == "running");
        running.map(|it| Ok(it["InstanceId"].as_str().context("no id")?.to_owned())).collect()
    }

    /// The root folder of an instance.
    pub fn root(&self, id: &str) -> PathBuf {
        self.0.dir().join("instances").join(id).join("root")
    }

    /// The home of an instance's participant.
    pub fn home(&self, id: &str) -> PathBuf {
        self.root(id).join("home/client")
    }

    /// What happens to an instance as nobody here asked for: `terminate`, `stop-instance`,
    /// `start-instance` or `reboot`.
    pub fn happens(&self, what: &str, name: &str) {
        self.0.does(&[what, name]);
    }

    /// AWS announces that it takes an instance back, and does so after this many seconds.
    pub fn takes_back(&self, name: &str, after: u32) {
        self.0.does(&["interrupt", name, "--after", &after.to_string()]);
    }

    /// Makes AWS refuse, delay or lose, as `cloud fault --help` tells.
    pub fn fault(&self, words: &[&str]) -> Result<()> {
        self.0.does(&[&["fault"], words].concat());
        Ok(())
    }

    /// How often AWS was called so.
    pub fn calls(&self, action: &str) -> Result<usize> {
        let log = self.log()?;
        Ok(log
            .lines()
            .filter(|line| line.split_whitespace().any(|word| word.ends_with(action)))
            .count())
    }

    /// How often AWS was called in all.
    pub fn all_calls(&self) -> Result<usize> {
        Ok(self.log()?.lines().count())
    }

    fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.0.dir().join("calls.log"))?)
    }
}
