//! Whose rights LabLink and its Terraform have in AWS.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::lab::{Lab, config, ends};

const ROLE: &str = "arn:aws:iam::123456789012:role/lablink_instance_role_dev";

#[tokio::test]
#[ignore = "make test-aws"]
async fn a_role_or_a_profile_has_the_rights_that_the_process_s_own_keys_lack() -> Result<()> {
    let Some(mut lab) = Lab::new()? else { return Ok(()) };
    let operator = lab.someone_who_may_take_on_the_role()?;
    lab.deployment.set("AWS_ACCESS_KEY_ID", key(&operator, "AccessKeyId")?);
    lab.deployment.set("AWS_SECRET_ACCESS_KEY", key(&operator, "SecretAccessKey")?);
    lab.deployment.set("AWS_SESSION_TOKEN", "");
    let allocator = lab.deployment.start().await?;
    let launch = json!({ "num_vms": 1 });
    let refused = allocator.organiser()?.post_json("/api/launch", &launch).await?;
    let why = refused.expect(422)?.json()?;
    assert!(why["error"].as_str().is_some_and(|it| it.contains("DescribeInstanceTypes")), "{why}");
    allocator.stop().await?;

    let home = lab.deployment.folder().join("home");
    lab.has_a_profile(&home)?;
    lab.deployment.set("HOME", home);
    for (number, whose) in [(1, format!("role_arn: '{ROLE}'")), (2, "profile: lab".to_owned())] {
        let text = config(&lab.cloud.image()?, &format!("aws: {{{whose}}}"));
        fs::write(lab.deployment.folder().join("config.yaml"), text)?;
        let allocator = lab.deployment.start().await?;
        let launched = ends(&allocator, allocator.launch(1).await?, "succeeded").await;
        launched.with_context(|| whose.clone())?;
        allocator.until_free(number).await.context(whose)?;
        allocator.stop().await?;
    }
    Ok(())
}

impl Lab {
    /// Keys of a user without any other right.
    fn someone_who_may_take_on_the_role(&self) -> Result<Value> {
        let user = json!({ "UserName": "operator" });
        self.cloud.call("iam", "create_user", &user)?;
        let policy = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": ROLE },
        ] });
        let given = json!({ "UserName": "operator", "PolicyName": "role",
            "PolicyDocument": policy.to_string() });
        self.cloud.call("iam", "put_user_policy", &given)?;
        Ok(self.cloud.call("iam", "create_access_key", &user)?["AccessKey"].clone())
    }

    /// A home whose AWS configuration has the profile `lab`, with the host's rights.
    fn has_a_profile(&self, home: &Path) -> Result<()> {
        let session = json!({ "RoleArn": ROLE, "RoleSessionName": "lab" });
        let keys = self.cloud.call("sts", "assume_role", &session)?["Credentials"].clone();
        self.cloud.copy_home(home)?;
        let profile = format!(
            "[lab]\naws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {}\n",
            key(&keys, "AccessKeyId")?,
            key(&keys, "SecretAccessKey")?,
            key(&keys, "SessionToken")?,
        );
        Ok(fs::write(home.join(".aws/credentials"), profile)?)
    }
}

fn key<'a>(keys: &'a Value, name: &str) -> Result<&'a str> {
    keys[name].as_str().with_context(|| format!("no {name}"))
}
