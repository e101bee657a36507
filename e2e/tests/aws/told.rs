//! What happens to machines outside of LabLink is told within a minute.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lablink_e2e::{Allocator, eventually};
use serde_json::Value;

use crate::lab::{Lab, ends, vm};

/// What the allocator is promised to say it in; the machines here are slow at times.
const MINUTE: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn what_happens_to_a_machine_outside_is_told_in_aws_s_words() -> Result<()> {
    let Some(lab) = Lab::new()? else { return Ok(()) };
    let allocator = lab.deployment.start().await?;
    ends(&allocator, allocator.launch(3).await?, "succeeded").await?;
    allocator.until_free(3).await?;
    lab.is_told_by_its_agent("lablink-vm-dev-3", &allocator).await?;

    let (stopped, ended) = ("lablink-vm-dev-1", "lablink-vm-dev-2");
    let since = Instant::now();
    lab.cloud.happens("stop-instance", stopped);
    lab.cloud.happens("terminate", ended);
    for (name, kind, words) in
        [(stopped, "stopped", "it was stopped"), (ended, "ended", "it was ended for good")]
    {
        let row = until_found(&allocator, name, kind).await?;
        ensure!(row["found_at"].is_string(), "{row}");
        let page = page_of(&allocator, name).await?;
        ensure!(page.contains("Not running") && page.contains(words), "{page}");
    }
    eprintln!("told after {:.0} s", since.elapsed().as_secs_f64());
    ensure!(allocator.free_count().await? == 0);
    // The stopped one comes back by itself.
    lab.cloud.happens("start-instance", stopped);
    allocator.until_free(1).await?;
    ensure!(vm(&allocator, stopped).await?["finding"] == Value::Null, "it is heard");
    allocator.stop().await?;
    Ok(())
}

impl Lab {
    /// AWS takes a machine back, whose agent reads that in its metadata. It is not handed out any more.
    async fn is_told_by_its_agent(&self, name: &str, allocator: &Allocator) -> Result<()> {
        let since = Instant::now();
        self.cloud.takes_back(name, 120);
        eventually("the notice to be told", PATIENCE, async || {
            let page = page_of(allocator, name).await?;
            Ok(page.contains("Its cloud takes this machine back").then_some(()))
        })
        .await?;
        eprintln!("a spot notice is told after {:.0} s", since.elapsed().as_secs_f64());
        ensure!(allocator.free_count().await? == 2);
        ensure!(self.cloud.calls("DescribeInstanceStatus")? == 0, "AWS was not asked");
        Ok(())
    }
}

async fn page_of(allocator: &Allocator, name: &str) -> Result<String> {
    Ok(allocator.organiser()?.get(&format!("/admin/vms/{name}")).await?.expect(200)?.body)
}

async fn until_found(allocator: &Allocator, name: &str, kind: &str) -> Result<Value> {
    let start = Instant::now();
    let row = eventually("something to be said of it", PATIENCE, async || {
        Ok(Some(vm(allocator, name).await?).filter(|row| row["finding"]["kind"] == kind))
    });
    let row = row.await.context(name.to_owned())?;
    if start.elapsed() > MINUTE {
        eprintln!("{name}: told late, after {:.0} s", start.elapsed().as_secs_f64());
    }
    Ok(row)
}
