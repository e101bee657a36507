use std::{fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Deployment, programs};

/// A stand-in for AWS, on which instances are processes of our agent. Ends with all that it started.
pub struct AwsCloud {
    tool: PathBuf,
    folder: TempDir,
    /// What its `env` exports.
    variables: Vec<(String, String)>,
}

/// Of which Terraform's state is kept.
pub const BUCKET: &str = "states";
/// Another image than the usual one.
pub const OTHER_IMAGE: &str = "ami-00000000000000002";

impl AwsCloud {
    /// None, with a sentence on standard error: there is no stand-in here.
    pub fn start() -> Result<Option<Self>> {
        let Some(tool) = std::env::var_os("LABLINK_AWS_CLOUD") else {
            eprintln!("skipped: LABLINK_AWS_CLOUD does not name a stand-in for AWS");
            return Ok(None);
        };
        let tool = PathBuf::from(tool).join("cloud");
        let folder = tempfile::Builder::new().prefix("lablink-aws-").tempdir()?;
        let mut cloud = Self { tool, folder, variables: Vec::new() };
        let agent = programs::built("lablink-client")?;
        let agent = agent.to_str().context("a path")?;
        let desktop = programs::start_host();
        let desktop = desktop.to_str().context("a path")?;
        cloud.run(
            "start",
            &[
                "--bucket",
                BUCKET,
                "--boot",
                agent,
                "--desktop",
                desktop,
                "--image",
                OTHER_IMAGE,
                "--ssh",
            ],
        )?;
        let env = fs::read_to_string(cloud.folder.path().join("env"))?;
        let exported = env.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
        cloud.variables = exported
            .map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned()))
            .collect();
        Ok(Some(cloud))
    }

    /// The image of the project's own machines.
    pub fn image(&self) -> Result<&str> {
        let image = self.variables.iter().find(|(name, _)| name == "AWS_CLOUD_AMI");
        Ok(&image.context("no image")?.1)
    }

    /// Lets allocators of this deployment that start from now on find this cloud.
    pub fn give_to(&self, deployment: &mut Deployment) {
        let of_aws = self.variables.iter().filter(|(name, _)| name.starts_with("AWS_"));
        for (name, value) in of_aws {
            deployment.set(name, value);
        }
        deployment.set("HOME", self.folder.path().join("home"));
        // As sshd on this machine sees whoever comes from it.
        deployment.set("ALLOCATOR_PUBLIC_IP", "127.0.0.1");
        deployment.set("ALLOCATOR_FQDN", format!("http://127.0.0.1:{}", deployment.port));
    }

    /// One call of AWS's API.
    pub fn call(&self, service: &str, operation: &str, request: &Value) -> Result<Value> {
        let said = self.run("call", &[service, operation, &request.to_string()])?;
        Ok(serde_json::from_str(&said)?)
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

    /// The ids of those that run.
    pub fn running(&self, tag: &str, value: &str) -> Result<Vec<String>> {
        let instances = self.instances(tag, value)?;
        let running = instances.iter().filter(|it| it["State"]["Name"] == "running");
        running.map(|it| Ok(it["InstanceId"].as_str().context("no id")?.to_owned())).collect()
    }

    /// The home of an instance's participant.
    pub fn home(&self, id: &str) -> PathBuf {
        self.folder.path().join("instances").join(id).join("root/home/client")
    }

    /// Ends an instance as nobody here asked for.
    pub fn terminate(&self, name: &str) -> Result<()> {
        self.run("terminate", &[name]).map(drop)
    }

    /// Makes AWS refuse, delay or lose, as `cloud fault --help` tells.
    pub fn fault(&self, words: &[&str]) -> Result<()> {
        self.run("fault", words).map(drop)
    }

    /// How often AWS was called so.
    pub fn calls(&self, action: &str) -> Result<usize> {
        let log = fs::read_to_string(self.folder.path().join("calls.log"))?;
        Ok(log
            .lines()
            .filter(|line| line.split_whitespace().any(|word| word.ends_with(action)))
            .count())
    }

    fn run(&self, verb: &str, options: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.tool);
        let output = command.arg(verb).arg(self.folder.path()).args(options).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cloud {verb}: {said}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for AwsCloud {
    fn drop(&mut self) {
        if let Err(error) = self.run("stop", &[]) {
            eprintln!("{error:#}");
        }
    }
}
