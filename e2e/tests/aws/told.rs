//! What happens to machines outside of LabLink is told within a minute.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lablink_e2e::Allocator;
use serde_json::Value;

use crate::lab::{Lab, vm};

/// What the allocator is promised to say it in; the machines here are slow at times.
const MINUTE: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_machine_that_is_stopped_or_ended_outside_is_told_of_in_aws_s_words() -> Result<()> {
    let Some(lab) = Lab::new()? else { return Ok(()) };
    let allocator = lab.deployment.start().await?;
    let launched = allocator.launch(2).await?;
    crate::lab::ends(&allocator, launched, "succeeded").await?;
    allocator.until_free(2).await?;
    let (stopped, ended) = ("lablink-vm-dev-1", "lablink-vm-dev-2");
    let since = Instant::now();
    lab.cloud.happens("stop-instance", stopped);
    lab.cloud.happens("terminate", ended);
    for (name, kind, words) in
        [(stopped, "stopped", "it was stopped"), (ended, "ended", "it was ended for good")]
    {
        let row = until_found(&allocator, name, kind).await?;
        ensure!(row["found_at"].is_string(), "{row}");
        let page = allocator.organiser()?.get(&format!("/admin/vms/{name}")).await?.expect(200)?;
        ensure!(page.body.contains("Not running") && page.body.contains(words), "{}", page.body);
    }
    println!("told after {:.0} s", since.elapsed().as_secs_f64());
    let free = allocator.organiser()?.get("/api/unassigned_vms_count").await?.expect(200)?;
    ensure!(free.json()?["count"] == 0, "{}", free.body);
    // The stopped one comes back by itself.
    lab.cloud.happens("start-instance", stopped);
    allocator.until_free(1).await?;
    ensure!(vm(&allocator, stopped).await?["finding"] == Value::Null, "it is heard");
    allocator.stop().await?;
    Ok(())
}

async fn until_found(allocator: &Allocator, name: &str, kind: &str) -> Result<Value> {
    let start = Instant::now();
    let found = async {
        loop {
            let row = vm(allocator, name).await?;
            if row["finding"]["kind"] == kind {
                return anyhow::Ok(row);
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let row = tokio::time::timeout(PATIENCE, found).await.context("nothing is said of it")??;
    if start.elapsed() > MINUTE {
        eprintln!("{name}: told late, after {:.0} s", start.elapsed().as_secs_f64());
    }
    Ok(row)
}
