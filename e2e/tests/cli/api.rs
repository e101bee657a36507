//! A class, run by `lablink` alone, on an allocator with VMs of its own machine.

use std::{fs, process::Stdio, time::Duration};

use anyhow::{Context, Result};
use lablink_e2e::Deployment;
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    time::timeout,
};

use crate::lablink::Lablink;

const CONFIG: &str = "provider: local\nlocal: {stop_with_allocator: true}\n\
                      limits: {max_vms: 3}\n";
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_class_is_launched_watched_collected_exported_and_destroyed() -> Result<()> {
    let deployment = Deployment::with_config(CONFIG)?;
    let allocator = deployment.start().await?;
    let lablink = Lablink::at(&allocator, &deployment).await?;

    let many = lablink.call(&["launch", "4"]).await?.ends(3)?;
    assert!(many.err.contains("limits.max_vms"), "{many:?}");
    let checked = lablink.json(&["launch", "2", "--check"]).await?;
    assert_eq!(checked["can_launch"], true);
    let launched = lablink.json(&["launch", "2"]).await?;
    assert_eq!((&launched["kind"], &launched["state"]), (&"launch".into(), &"succeeded".into()));
    allocator.until_free(2).await?;
    let claimed = allocator.claim("ada@example.org", "4/abc").await?;
    claimed.page_says(&allocator.browser()?, "ready").await?;

    let status = lablink.json(&["status"]).await?;
    assert_eq!((&status["pool"]["free"], &status["pool"]["claimed"]), (&1.into(), &1.into()));
    let text = lablink.call(&["status"]).await?.well()?.out;
    assert!(text.contains("1  claimed") || text.contains("1 claimed"), "{text}");

    let shown = lablink.json(&["vms", "--show", "claimed"]).await?;
    assert_eq!(shown["vms"][0]["hostname"], claimed.hostname.as_str());
    let shown = lablink.call(&["vms", "--find", "ada@"]).await?.well()?.out;
    assert!(shown.contains(&claimed.hostname) && shown.contains("ada@example.org"), "{shown}");
    let page = lablink.call(&["vms", "--limit", "1"]).await?.well()?;
    let after = page.err.split_whitespace().last().context("no next page")?.to_owned();
    let rest = lablink.json(&["vms", "--after", &after]).await?;
    assert_eq!(rest["vms"].as_array().map(Vec::len), Some(1));
    lablink.call(&["vms", "--show", "nonsense"]).await?.ends(3)?;

    // What an export holds is what the API tells; a heading, and a line for each.
    let claims = lablink.call(&["export", "claims"]).await?.well()?.out;
    assert_eq!(claims.lines().count(), 2, "{claims}");
    assert!(claims.starts_with("claim_id,") && claims.contains("ada@example.org"), "{claims}");
    let starts = lablink.json(&["export", "starts"]).await?;
    assert_eq!(starts.as_array().map(Vec::len), Some(2), "{starts}");
    lablink.call(&["export", "use", "--format", "json", "--file", "use.json"]).await?.well()?;
    let used: Value = serde_json::from_str(&fs::read_to_string(lablink.home().join("use.json"))?)?;
    assert!(used.is_array(), "{used}");
    let stats = lablink.json(&["stats"]).await?;
    assert_eq!(stats["starts"]["count"], 2, "{stats}");

    results(&lablink, &deployment, &claimed.hostname).await?;

    let asked = lablink.call(&["vms", "destroy", &claimed.hostname]).await?.ends(2)?;
    assert!(asked.err.contains("--yes"), "{asked:?}");
    let gone = lablink.json(&["vms", "destroy", &claimed.hostname, "--yes"]).await?;
    assert_eq!(gone["state"], "succeeded", "{gone}");
    lablink.call(&["vms", "destroy", "--all", "--yes"]).await?.well()?;
    assert!(deployment.machine_names()?.is_empty());
    lablink.call(&["vms", "destroy", "--all", "--yes"]).await?.ends(3)?;
    allocator.stop().await?;
    Ok(())
}

/// Collects, loses a part of what came, and goes on.
async fn results(lablink: &Lablink, deployment: &Deployment, hostname: &str) -> Result<()> {
    let desktop = deployment.machine(hostname).folder.join("Desktop");
    fs::create_dir_all(&desktop)?;
    fs::write(desktop.join("tracks.slp"), "every frame ".repeat(20_000))?;
    let told = lablink.json(&["collect", "--into", "results"]).await?;
    let archive = lablink.home().join(told["file"].as_str().context("no file")?);
    let whole = fs::read(&archive)?;
    assert_eq!(told["collection"]["archive"]["size_bytes"], whole.len());
    assert!(whole.starts_with(b"PK"));

    let id = told["collection"]["operation_id"].to_string();
    let part = archive.with_extension("zip.part");
    fs::rename(&archive, &part)?;
    // Of nobody knows which version: it is fetched anew.
    fs::write(&part, vec![0; whole.len() / 2])?;
    lablink.call(&["collect", "--again", &id, "--into", "results"]).await?.well()?;
    assert_eq!(fs::read(&archive)?, whole);
    assert!(!part.exists());
    lablink.call(&["collect", "--again", "4711"]).await?.ends(1)?;
    Ok(())
}

#[tokio::test]
async fn a_log_is_followed_across_a_restart_and_a_machine_is_registered() -> Result<()> {
    let deployment = Deployment::with_config(CONFIG)?;
    let allocator = deployment.start().await?;
    let lablink = Lablink::at(&allocator, &deployment).await?;
    let registered = lablink.json(&["vms", "register", "desk-7"]).await?;
    assert!(registered["install_command"].as_str().is_some_and(|it| it.contains("desk-7")));
    let command = lablink.call(&["vms", "register"]).await?.well()?.out;
    assert!(command.contains("curl") || command.contains("install"), "{command}");

    lablink.call(&["launch", "1"]).await?.well()?;
    allocator.until_free(1).await?;
    let hostname = deployment.machine_names()?.remove(0);
    let mut follows = lablink.command(&["logs", &hostname, "--follow", "--json", "--tail", "1"])?;
    let mut follows = follows.stdout(Stdio::piped()).spawn()?;
    let out = follows.stdout.take().context("no standard output")?;
    let mut lines = BufReader::new(out).lines();
    let first = timeout(PATIENCE, lines.next_line()).await??.context("no line")?;
    let first: Value = serde_json::from_str(&first)?;
    allocator.stop().await?;
    let allocator = deployment.start().await?;
    allocator.until_free(1).await?;
    allocator.claim("ada@example.org", "4/abc").await?;
    let next = timeout(PATIENCE, lines.next_line()).await??.context("no line")?;
    let next: Value = serde_json::from_str(&next)?;
    assert!(next["id"].as_i64() > first["id"].as_i64(), "{first} {next}");
    follows.kill().await?;

    let whole = lablink.call(&["logs", &hostname, "--tail", "5000"]).await?.well()?.out;
    assert!(whole.lines().count() > 1, "{whole}");
    lablink.call(&["logs", "lablink-vm-dev-99"]).await?.ends(3)?;
    allocator.stop().await?;
    Ok(())
}
