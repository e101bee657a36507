//! The allocator is stopped, as by Ctrl-C, while Terraform makes VMs.

use anyhow::{Context, Result, ensure};
use lablink_e2e::{Deployment, Moment};

use crate::agreement::{everybody_tells_the_same, the_pool_works_on};

#[tokio::test]
async fn a_launch_that_is_stopped_before_it_made_anything_leaves_a_pool_that_works() -> Result<()> {
    stop_at(Moment::Asked).await
}

#[tokio::test]
async fn a_launch_that_is_stopped_in_the_middle_leaves_a_pool_that_works() -> Result<()> {
    tokio::try_join!(stop_at(Moment::TerraformStarted), stop_at(Moment::Machines(4)))?;
    Ok(())
}

async fn stop_at(moment: Moment) -> Result<()> {
    stop_and_start(moment).await.with_context(|| format!("stopped at {moment:?}"))
}

async fn stop_and_start(moment: Moment) -> Result<()> {
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    let operation = allocator.launch(8).await?;
    deployment.until(moment).await?;
    allocator.stop().await?;
    deployment.ensure_nothing_runs()?;

    let allocator = deployment.start().await?;
    let ended = allocator.until_ended(operation).await?;
    let state = ended["state"].as_str().unwrap_or_default();
    ensure!(["succeeded", "interrupted"].contains(&state), "{ended}");
    everybody_tells_the_same(&deployment, &allocator).await?;
    the_pool_works_on(&deployment, &allocator).await
}

#[tokio::test]
async fn no_launch_takes_away_a_vm_that_somebody_has() -> Result<()> {
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    let operation = allocator.launch(8).await?;
    // Stopped now, Terraform counts these VMs as broken, although their agents are up.
    deployment.until(Moment::Enrolled(5)).await?;
    allocator.stop().await?;

    let allocator = deployment.start().await?;
    allocator.until_ended(operation).await?;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let mut held = Vec::new();
    for number in 0..allocator.free_count().await? {
        let (email, code) = (format!("p{number}@example.org"), format!("4/p{number}"));
        let claimed = allocator.claim(&email, &code).await?;
        let machine = deployment.machine(&claimed.hostname);
        let desktop = machine.has_connected(&code, &claimed.pin).await?.pid;
        held.push((machine, code, claimed.pin, desktop));
    }
    ensure!(held.len() >= 2, "not even the warm VMs can be claimed");

    let launched = allocator.until_ended(allocator.launch(1).await?).await?;
    ensure!(launched["state"] == "succeeded", "{launched}");
    for (machine, code, pin, desktop) in held {
        let now = machine.has_connected(&code, &pin).await?.pid;
        ensure!(now == desktop, "{} was made anew under its participant", machine.hostname);
    }
    Ok(())
}
