//! Deployments on AWS with one broken layer each, and the layer that `lablink verify` names.

use std::fs;

use anyhow::{Context, Result, ensure};
use lablink_test_cloud::RunningCloud;
use serde_json::{Value, json};

use crate::lablink::Lablink;

/// The first code that is broken.
async fn named(lablink: &Lablink, config: &str) -> Result<String> {
    fs::write(lablink.home().join("config.yaml"), config)?;
    let words = ["--json", "--server", "http://127.0.0.1:1", "verify", "--config", "config.yaml"];
    let said = lablink.call(&words).await?;
    ensure!(said.status == 1, "{said:?}");
    let report: Value = serde_json::from_str(&said.out).with_context(|| format!("{said:?}"))?;
    let checks = report["checks"].as_array().context("no checks")?;
    let broken =
        checks.iter().find(|check| check["state"] == "broken").context("none is broken")?;
    Ok(broken["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn each_broken_layer_of_a_deployment_is_named() -> Result<()> {
    let Some(cloud) = RunningCloud::start(&["--bucket", "states"]) else { return Ok(()) };
    let mut lablink = Lablink::new()?;
    for (name, value) in cloud.environment() {
        lablink.set(&name, value);
    }
    let sound = "bucket_name: states\n";
    cloud.does(&["fault", "credentials", "expired"]);
    ensure!(named(&lablink, sound).await? == "identity");
    cloud.does(&["fault", "clear"]);
    ensure!(named(&lablink, "bucket_name: another-bucket\n").await? == "bucket");

    let key = "prod/client/terraform.tfstate.tflock";
    let lock = json!({"ID": "a", "Who": "somebody@there", "Created": "2026-01-01T00:00:00Z"});
    let held = json!({"Bucket": "states", "Key": key, "Body": lock.to_string()});
    cloud.call("s3", "put_object", &held);
    ensure!(named(&lablink, sound).await? == "state-lock");
    cloud.call("s3", "delete_object", &json!({"Bucket": "states", "Key": key}));

    ensure!(named(&lablink, sound).await? == "host", "there is none");
    let tags = json!([{"Key": "Name", "Value": "lablink-allocator-prod"},
                      {"Key": "ManagedBy", "Value": "lablink-infra"}]);
    let environment = cloud.environment();
    let image = environment.iter().find(|(name, _)| name == "AWS_CLOUD_AMI").context("no image")?;
    let host = json!({"ImageId": image.1, "InstanceType": "t3.large", "MinCount": 1, "MaxCount": 1,
        "TagSpecifications": [{"ResourceType": "instance", "Tags": tags}]});
    let id = cloud.call("ec2", "run_instances", &host)["Instances"][0]["InstanceId"].clone();
    ensure!(named(&lablink, sound).await? == "port", "the host runs, and nothing listens");
    let dns = "dns: {enabled: true, domain: lablink.invalid}\n";
    let words = ["--json", "verify", "--config", "config.yaml"];
    fs::write(lablink.home().join("config.yaml"), format!("{sound}{dns}"))?;
    let said = lablink.call(&words).await?;
    ensure!(said.err.contains("name is broken"), "by the configuration's own name: {said:?}");
    cloud.does(&["stop-instance", id.as_str().unwrap_or_default()]);
    ensure!(named(&lablink, sound).await? == "host", "it was stopped");
    Ok(())
}

#[tokio::test]
async fn a_code_is_explained_and_a_configuration_rewritten() -> Result<()> {
    let lablink = Lablink::new()?;
    let said = lablink.call(&["doctor", "tls"]).await?;
    ensure!(said.status == 0 && said.out.contains("## What to do"), "{said:?}");
    ensure!(lablink.call(&["doctor", "nothing"]).await?.status == 2);

    let file = lablink.home().join("config.yaml");
    fs::write(&file, "environment: test\n# Ours.\ndb:\n  port: 5432\n  table_name: vms\n")?;
    let asked = lablink.fed(&["config", "migrate", "config.yaml"], "n\n").await?;
    ensure!(asked.status == 3 && asked.out.contains("-  table_name: vms"), "{asked:?}");
    let done = lablink.call(&["config", "migrate", "config.yaml", "--yes"]).await?;
    ensure!(done.status == 0 && done.out.contains("ENVIRONMENT=test"), "{done:?}");
    ensure!(fs::read_to_string(&file)? == "# Ours.\ndb:\n  port: 5432\n");
    ensure!(lablink.call(&["config", "validate", "config.yaml"]).await?.status == 0);
    let schema = lablink.call(&["config", "schema"]).await?;
    let schema: Value = serde_json::from_str(&schema.out)?;
    ensure!(schema["properties"]["ssl"]["properties"]["provider"]["enum"][0] == "none");
    Ok(())
}
