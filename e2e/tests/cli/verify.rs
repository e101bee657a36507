//! Deployments on AWS with one broken layer each, and the layer that `lablink verify` names.

use std::fs;

use anyhow::{Context, Result, ensure};
use lablink_e2e::Deployment;
use lablink_test_cloud::RunningCloud;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_postgres::{Config, NoTls};

use crate::lablink::Lablink;

/// The first code that is broken.
async fn named(lablink: &Lablink, config: &str) -> Result<String> {
    fs::write(lablink.home().join("config.yaml"), config)?;
    let words = ["--server", "http://127.0.0.1:1", "verify", "--config", "config.yaml"];
    broken(lablink, &words).await?.context("none is broken")
}

/// The same of this call; none: nothing is broken.
async fn broken(lablink: &Lablink, words: &[&str]) -> Result<Option<String>> {
    let said = lablink.call(&[&["--json"], words].concat()).await?;
    let report: Value = serde_json::from_str(&said.out).with_context(|| format!("{said:?}"))?;
    let checks = report["checks"].as_array().context("no checks")?;
    let first = checks.iter().find(|check| check["state"] == "broken");
    ensure!(said.status == i32::from(first.is_some()), "{said:?}");
    Ok(first.map(|check| check["code"].as_str().unwrap_or_default().to_owned()))
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
async fn each_broken_layer_of_an_allocator_is_named() -> Result<()> {
    let deployment = Deployment::with_config("provider: local\n")?;
    let allocator = deployment.start().await?;
    let lablink = Lablink::at(&allocator, &deployment).await?;
    ensure!(broken(&lablink, &["verify"]).await?.is_none());

    let url = allocator.url("");
    let other = TcpListener::bind("127.0.0.1:0").await?;
    let another = format!("http://{}", other.local_addr()?);
    tokio::spawn(says_hello(other));
    for (server, layer) in [
        ("http://lablink.invalid", "name"),
        ("http://127.0.0.1:1", "port"),
        (&*url.replace("http:", "https:"), "tls"),
        (&*another, "ready"),
    ] {
        let first = broken(&lablink, &["--server", server, "verify"]).await?;
        ensure!(first.as_deref() == Some(layer), "{server}: {first:?}");
    }

    let logins = lablink.stored()?;
    let wrong = logins.replace(&deployment.admin_password()?, "of-another-time");
    fs::write(lablink.credentials(), wrong)?;
    ensure!(broken(&lablink, &["verify"]).await?.as_deref() == Some("login"));
    fs::write(lablink.credentials(), logins)?;

    let mut config = Config::new();
    config.host_path(deployment.postgres_socket()?).user("lablink").dbname("lablink_db");
    let (database, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    for (breaks, mends, layer) in [
        (
            "revoke delete on refusal from current_user",
            "grant delete on refusal to current_user",
            "database-rights",
        ),
        (
            "insert into vm (pool_id, hostname, source, status)
             select id, 'desk-1', 'manual', 'running' from pool",
            "update vm set removed_at = now()",
            "path-back",
        ),
    ] {
        database.batch_execute(breaks).await?;
        let first = broken(&lablink, &["verify"]).await?;
        ensure!(first.as_deref() == Some(layer), "{layer}: {first:?}");
        database.batch_execute(mends).await?;
    }

    for (terraform, layer) in [
        (
            "[ \"$1\" = version ] && PATH=${PATH#*:} exec terraform \"$@\"\necho 'no registry' >&2; exit 1",
            "providers",
        ),
        ("echo '{\"terraform_version\": \"1.4.6\"}'", "terraform"),
    ] {
        deployment.put_before("terraform", terraform)?;
        let first = broken(&lablink, &["verify"]).await?;
        ensure!(first.as_deref() == Some(layer), "{layer}: {first:?}");
    }
    allocator.stop().await?;
    Ok(())
}

/// A server that is none of LabLink's.
async fn says_hello(listener: TcpListener) {
    const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
    while let Ok((mut stream, _)) = listener.accept().await {
        let _asked = stream.read(&mut [0; 4096]).await;
        let _gone = stream.write_all(HELLO).await;
    }
}

#[tokio::test]
async fn a_disk_without_room_is_named() -> Result<()> {
    let config = "provider: manual\ncollect: {free_gigabytes: 4000000}\n";
    let deployment = Deployment::with_config(config)?;
    let allocator = deployment.start().await?;
    let lablink = Lablink::at(&allocator, &deployment).await?;
    ensure!(broken(&lablink, &["verify"]).await?.as_deref() == Some("disk"));
    allocator.stop().await?;
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
