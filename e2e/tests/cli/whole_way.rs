//! From a fresh clone to a class on AWS, and back to nothing.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};
use lablink_e2e::{crd_command, eventually};
use serde_json::{Value, json};

use crate::cloud::{BUCKET, Stage};

const PATIENCE: Duration = Duration::from_secs(90);

#[tokio::test]
#[ignore = "minutes: make test-deployment"]
async fn a_class_is_deployed_taught_and_nothing_is_left() -> Result<()> {
    let Some(mut stage) = Stage::new()? else { return Ok(()) };
    initialised(&stage).await?;
    let made = stage.lablink.json(&["setup", "--environment", "test", "--yes"]).await?;
    assert_eq!(made["bucket"], BUCKET);
    let again = stage.lablink.json(&["setup", "--environment", "test"]).await?;
    assert_eq!(again["changes"], json!([]), "{again}");

    stage.deploys();
    let checked = stage.lablink.json(&stage.words(&["deploy", "--check"])).await?;
    assert!(checked["usd_per_month"].as_f64() > Some(50.0), "{checked}");
    let deployed = stage.lablink.json(&stage.words(&["deploy", "--yes", "--wait", "120"])).await?;
    let url = deployed["url"].as_str().context("no address")?.to_owned();
    assert_eq!(broken(&deployed["verified"])?, [""; 0], "{deployed}");
    let again = stage.lablink.json(&stage.words(&["deploy"])).await?;
    assert_eq!(again["changes"], json!([]), "{again}");
    let verify = ["verify", "--config", "config/config.yaml", "--environment", "test"];
    let seen = stage.lablink.json(&verify).await?;
    assert_eq!(broken(&seen)?, [""; 0], "{seen}");

    let launched = stage.lablink.json(&["launch", "3", "--hours", "2"]).await?;
    assert_eq!(launched["state"], "succeeded", "{launched}");
    let claimed = claim(&stage, &url).await?;
    let vm = stage.lablink.json(&["vms", "--find", "ada@"]).await?["vms"][0].clone();
    let id = vm["instance"]["id"].as_str().context("no machine")?;
    let desktop = stage.cloud.dir().join("instances").join(id).join("root/home/client/Desktop");
    fs::create_dir_all(&desktop)?;
    fs::write(desktop.join("tracks.slp"), "every frame")?;
    let collected = stage.lablink.json(&["collect", "--into", "results"]).await?;
    let archive = fs::read(stage.file(collected["file"].as_str().context("no file")?))?;
    assert!(String::from_utf8_lossy(&archive).contains("tracks.slp"));

    let wrong = stage.words(&["destroy", "--name", "prod"]);
    let refused = stage.lablink.call(&wrong).await?.ends(3)?;
    assert!(refused.err.contains(&claimed) && refused.err.contains("came home"), "{refused:?}");
    assert!(!stage.tagged("ManagedBy", "lablink-allocator")?.is_empty());
    // Nobody has built the forwarder where it is destroyed.
    fs::remove_file(stage.file("infra/tests/fixtures/forwarder.zip"))?;
    stage.lablink.json(&stage.words(&["destroy", "--name", "test"])).await?;
    for maker in ["lablink-allocator", "lablink-infra"] {
        assert_eq!(stage.left_of(maker)?, [""; 0], "{maker}");
    }
    let left = stage.lablink.json(&stage.words(&["cleanup", "--check"])).await?;
    let kinds = left["left"].as_array().context("no list")?.iter().map(|it| &it["kind"]);
    assert_eq!(kinds.collect::<Vec<_>>(), ["snapshot"], "of the data, on purpose: {left}");
    assert!(!stage.lablink.stored()?.contains(&url));
    Ok(())
}

/// The codes that this report calls broken.
fn broken(report: &Value) -> Result<Vec<&str>> {
    let checks = report["checks"].as_array().context("no checks")?.iter();
    let broken = checks.filter(|check| check["state"] == "broken");
    Ok(broken.filter_map(|check| check["code"].as_str()).collect())
}

/// Answers that are wrong are named; the good ones make a configuration.
async fn initialised(stage: &Stage) -> Result<()> {
    fs::remove_file(stage.file("config/config.yaml"))?;
    let image = stage.image()?;
    for (machine_type, image, why) in [
        ("x9.nothing", image.as_str(), "no such type"),
        ("t3.small", "ami-00000000000000000", "no image of this id"),
    ] {
        let words = Stage::init_words(machine_type, image, "3");
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = stage.lablink.call(&words).await?.ends(3)?;
        assert!(said.err.contains(why), "{said:?}");
    }
    let asked = stage.lablink.call(&["init", "--region", "us-west-2"]).await?.ends(2)?;
    assert!(asked.err.contains("--machine-type"), "{asked:?}");
    let words = Stage::init_words("t3.small", &image, "3");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let said = stage.lablink.call(&words).await?.well()?;
    assert!(said.err.contains("vCPUs of a quota") && said.err.contains("USD an hour"), "{said:?}");
    let twice = stage.lablink.call(&words).await?.ends(3)?;
    assert!(twice.err.contains("--force"), "{twice:?}");
    stage.logs_directly()
}

/// Somebody of the class gets a machine. Its name.
async fn claim(stage: &Stage, url: &str) -> Result<String> {
    let wish = json!({ "email": "ada@example.org", "crd_command": crd_command("4/abc") });
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build()?;
    eventually("a machine to be free", PATIENCE, async || {
        let asked = http.post(format!("{url}/api/request_vm")).json(&wish);
        let answer = asked.header("accept", "application/json").send().await?;
        if answer.status() != 201 {
            return Ok(None);
        }
        let told: Value = answer.json().await?;
        ensure!(stage.tagged("Name", told["hostname"].as_str().unwrap_or_default())?.len() > 0);
        Ok(told["hostname"].as_str().map(str::to_owned))
    })
    .await
}
