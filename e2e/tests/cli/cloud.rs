use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result, ensure};
use lablink_e2e::{end_everything_in, programs};
use lablink_test_cloud::RunningCloud;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::lablink::Lablink;

pub const BUCKET: &str = "lablink-e2e-deployments";
const ROLE: &str = "arn:aws:iam::123456789012:role/lablink-deploy-us-west-2";

/// The stand-in asks for this right by the name of the service, AWS for `tag:GetResources`.
const TAGGING: &str = r#"resource "aws_iam_role_policy" "stand_in" {
  role = aws_iam_role.deploy.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "tagging:GetResources", Resource = "*" }]
  })
}
"#;

/// A clone of LabLink without anything built in it, somebody with `lablink`, and an account in which
/// rights are enforced and hosts start their allocator.
pub struct Stage {
    pub cloud: RunningCloud,
    pub lablink: Lablink,
    clone: TempDir,
    _alone: MutexGuard<'static, ()>,
}

/// Hosts of two clouds would have the same addresses.
static ALONE: Mutex<()> = Mutex::new(());

impl Stage {
    /// None: there is no stand-in for AWS here.
    pub fn new() -> Result<Option<Self>> {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let clone = tempfile::tempdir()?;
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no repository")?;
        for folder in ["config", "infra", "terraform"] {
            copy(&repository.join(folder), &clone.path().join(folder))?;
        }
        // It takes a bucket's denial without its condition, and would refuse everybody.
        let no_policy = "resource \"aws_s3_bucket_policy\" \"state\" {\n  count = 0\n}\n";
        fs::write(clone.path().join("infra/bootstrap/stand_in_override.tf"), no_policy)?;
        fs::write(clone.path().join("infra/bootstrap/stand_in.tf"), TAGGING)?;
        let host = host_program(clone.path())?;
        let (agent, desktop) = (programs::built("lablink-client")?, programs::start_host());
        let paths = [&agent, &desktop, &host].map(|path| path.to_string_lossy().into_owned());
        let options = [
            &["--boot", &paths[0], "--desktop", &paths[1], "--ssh"][..],
            &["--boot-host", &paths[2], "--enforce-rights"],
        ];
        let Some(cloud) = RunningCloud::start(&options.concat()) else { return Ok(None) };
        let mut lablink = Lablink::new()?;
        for (name, value) in cloud.environment() {
            lablink.set(&name, value);
        }
        lablink.work_in(clone.path());
        Ok(Some(Self { cloud, lablink, clone, _alone: alone }))
    }

    pub fn image(&self) -> Result<String> {
        let found = self.cloud.environment().into_iter().find(|(name, _)| name == "AWS_CLOUD_AMI");
        Ok(found.context("no image")?.1)
    }

    /// The words of an `init` that asks nothing.
    pub fn init_words(machine_type: &str, image: &str, count: &str) -> Vec<String> {
        let place = ["init", "--region", "us-west-2", "--bucket", BUCKET];
        let machines = ["--machine-type", machine_type, "--image", image, "--count", count];
        let name = ["--domain", "-", "--tls", "none", "--plain-http"];
        [&place[..], &machines, &name].concat().into_iter().map(str::to_owned).collect()
    }

    /// Lets VMs send their own logs: what a forwarder takes is not what this is about.
    pub fn logs_directly(&self) -> Result<()> {
        let config = self.file("config/config.yaml");
        let text = fs::read_to_string(&config)?;
        Ok(fs::write(config, text + "logs:\n  from_aws: direct\n")?)
    }

    /// A configuration for the environment `test`.
    pub fn write_config(&self) -> Result<()> {
        let text = format!(
            "provider: aws\nbucket_name: {BUCKET}\nmachine: {{machine_type: t3.small, ami_id: {}}}\n\
             app: {{region: us-west-2, admin_password: PLACEHOLDER_ADMIN_PASSWORD}}\n\
             db: {{password: PLACEHOLDER_DB_PASSWORD}}\nlogs: {{from_aws: direct}}\n",
            self.image()?
        );
        Ok(fs::write(self.file("config/config.yaml"), text)?)
    }

    /// A file of the clone.
    pub fn file(&self, path: &str) -> PathBuf {
        self.clone.path().join(path)
    }

    /// Calls from now on have the rights of the role that `lablink setup` made, and no others.
    pub fn deploys(&mut self) {
        let asked = json!({ "RoleArn": ROLE, "RoleSessionName": "operator" });
        let keys = &self.cloud.call("sts", "assume_role", &asked)["Credentials"];
        for (variable, key) in [
            ("AWS_ACCESS_KEY_ID", "AccessKeyId"),
            ("AWS_SECRET_ACCESS_KEY", "SecretAccessKey"),
            ("AWS_SESSION_TOKEN", "SessionToken"),
        ] {
            self.lablink.set(variable, keys[key].as_str().unwrap_or_default());
        }
    }

    /// The words of a command about the deployment `test`.
    pub fn words<'a>(&self, words: &[&'a str]) -> Vec<&'a str> {
        let zip = "--var=log_forwarder_zip=tests/fixtures/forwarder.zip";
        [&words[..1], &["--environment", "test", zip], &words[1..]].concat()
    }

    /// All of EC2 with this tag that is not gone.
    pub fn tagged(&self, key: &str, value: &str) -> Result<Vec<String>> {
        let filters = [("key", key), ("value", value)]
            .map(|(name, value)| json!({ "Name": name, "Values": [value] }));
        let found = self.cloud.call("ec2", "describe_tags", &json!({ "Filters": filters }));
        let ids = found["Tags"].as_array().context("no tags")?.iter();
        let mut ids: Vec<String> =
            ids.filter_map(|tag| Some(tag["ResourceId"].as_str()?.to_owned())).collect();
        let machines = self.cloud.call("ec2", "describe_instances", &json!({}));
        let machines = machines["Reservations"].as_array().into_iter().flatten();
        let gone: Vec<&Value> = machines
            .flat_map(|it| it["Instances"].as_array())
            .flatten()
            .filter(|it| it["State"]["Name"] == "terminated")
            .map(|it| &it["InstanceId"])
            .collect();
        ids.retain(|id| !gone.iter().any(|it| *it == id));
        // Tags of what is gone may be told for a while.
        let there = [
            ("describe_volumes", "vol-"),
            ("describe_snapshots", "snap-"),
            ("describe_security_groups", "sg-"),
            ("describe_security_group_rules", "sgr-"),
            ("describe_key_pairs", "key-"),
            ("describe_addresses", "eipalloc-"),
        ]
        .map(|(call, kind)| (self.cloud.call("ec2", call, &json!({})).to_string(), kind));
        ids.retain(|id| !there.iter().any(|(all, kind)| id.starts_with(kind) && !all.contains(id)));
        Ok(ids)
    }

    /// What is there of this maker, but the last snapshots of data: they stay, on purpose.
    pub fn left_of(&self, maker: &str) -> Result<Vec<String>> {
        let mut left = self.tagged("ManagedBy", maker)?;
        left.retain(|id| !id.starts_with("snap-"));
        Ok(left)
    }

    /// How many calls AWS has had.
    pub fn calls(&self) -> Result<usize> {
        Ok(fs::read_to_string(self.cloud.dir().join("calls.log"))?.lines().count())
    }

    /// The host that runs.
    pub fn host(&self) -> Result<String> {
        let filter = json!({ "Filters": [
            { "Name": "tag:Name", "Values": ["lablink-allocator-test"] },
            { "Name": "instance-state-name", "Values": ["running", "pending"] },
        ] });
        let found = self.cloud.call("ec2", "describe_instances", &filter);
        let id = found["Reservations"][0]["Instances"][0]["InstanceId"].as_str();
        Ok(id.context("no host runs")?.to_owned())
    }

    pub fn host_log(&self) -> String {
        let id = self.host().unwrap_or_default();
        let log = self.cloud.dir().join("instances").join(id).join("root/allocator.log");
        fs::read_to_string(log).unwrap_or_default()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        eprintln!("--- the host's allocator\n{}", self.host_log());
        for entry in fs::read_dir("/tmp").into_iter().flatten().flatten() {
            let volume = entry.file_name().to_string_lossy().into_owned();
            let Some(volume) = volume.strip_prefix("lablink-e2e-host-") else { continue };
            let asked = json!({ "Filters": [{ "Name": "volume-id", "Values": [volume] }] });
            let found = self.cloud.call("ec2", "describe_volumes", &asked);
            let was = self.cloud.dir().join("calls.log");
            let is_ours = found["Volumes"].as_array().is_some_and(|it| !it.is_empty())
                || fs::read_to_string(was).unwrap_or_default().contains(volume);
            if is_ours {
                end_everything_in(&entry.path(), &entry.path());
                let _gone = fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// `host` with what it needs to know.
fn host_program(folder: &Path) -> Result<PathBuf> {
    let program = folder.join("host");
    let real = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/host");
    let allocator = programs::built("lablink-allocator")?;
    let programs = allocator.parent().context("no folder of programs")?;
    // The stand-in's own, which another home would not have.
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
    let script = format!(
        "#!/bin/sh\nexport PROGRAMS='{}' TERRAFORM='{}' XDG_CACHE_HOME='{}'\nexec '{}' \"$@\"\n",
        programs.display(),
        folder.join("terraform").display(),
        cache.context("no HOME")?.display(),
        real.display()
    );
    fs::write(&program, script)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    Ok(program)
}

/// Without what Terraform has left there.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_left = name == ".terraform" || name == ".lablink" || name.contains(".tfstate");
        if is_left {
            continue;
        }
        let at = to.join(&name);
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &at)?;
        } else {
            fs::copy(entry.path(), &at)?;
        }
    }
    ensure!(to.is_dir());
    Ok(())
}
