use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{AwsCloud, Deployment, programs};

/// All that is made of `infra`: the role with its policies.
const ROLE: &str = "-target=aws_iam_role_policy.host";

impl AwsCloud {
    /// The keys of the role that `infra` gives the host of such a deployment, by the names of their
    /// environment variables.
    pub(crate) fn host_keys(&self, deployment: &Deployment) -> Result<[(&'static str, String); 3]> {
        let environment = deployment.environment();
        let name = self.make_host_role(&deployment.config(), &environment)?;
        let role = format!("arn:aws:iam::123456789012:role/{name}");
        let session = json!({ "RoleArn": role, "RoleSessionName": "host" });
        let keys = &self.call("sts", "assume_role", &session)?["Credentials"];
        let key = |name: &str| keys[name].as_str().map(str::to_owned).context("no keys");
        Ok([
            ("AWS_ACCESS_KEY_ID", key("AccessKeyId")?),
            ("AWS_SECRET_ACCESS_KEY", key("SecretAccessKey")?),
            ("AWS_SESSION_TOKEN", key("SessionToken")?),
        ])
    }

    fn make_host_role(&self, config: &Path, environment: &str) -> Result<String> {
        let infra = programs::terraform_modules().with_file_name("infra");
        let folder = self.0.dir().join("infra");
        if !folder.exists() {
            let copied = Command::new("cp").arg("-r").arg(&infra).arg(&folder).status()?;
            ensure!(copied.success(), "infra can't be copied");
        }
        let backend = json!({ "terraform": { "backend": { "local": {} } } });
        fs::write(folder.join("backend_override.tf.json"), backend.to_string())?;
        let variables = json!({
            "resource_suffix": environment, "config_path": config,
            "admin_password": "organiser-pass", "db_password": "database-pass",
            "log_forwarder_zip": infra.join("tests/fixtures/forwarder.zip"),
        });
        fs::write(folder.join("test.auto.tfvars.json"), variables.to_string())?;
        self.terraform(&folder, &["init", "-input=false"])?;
        self.terraform(&folder, &["apply", "-auto-approve", "-input=false", ROLE])?;
        let state: Value = serde_json::from_slice(&fs::read(folder.join("terraform.tfstate"))?)?;
        let resources = state["resources"].as_array().context("an empty state")?;
        let role = resources.iter().find(|it| it["type"] == "aws_iam_role");
        let name = role.and_then(|it| it["instances"][0]["attributes"]["name"].as_str());
        Ok(name.context("infra made no role")?.to_owned())
    }

    /// With all rights.
    fn terraform(&self, folder: &Path, arguments: &[&str]) -> Result<()> {
        let mut terraform = Command::new("terraform");
        terraform.args(arguments).current_dir(folder).envs(self.0.environment());
        let ended = terraform.env("CHECKPOINT_DISABLE", "1").output()?;
        let said = String::from_utf8_lossy(&ended.stderr);
        ensure!(ended.status.success(), "terraform {arguments:?}: {said}");
        Ok(())
    }
}
