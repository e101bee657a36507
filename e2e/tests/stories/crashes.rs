//! Something is killed without any warning.

use std::time::Duration;

use anyhow::Result;
use lablink_e2e::{Deployment, eventually};
use nix::sys::signal::{Signal, kill};

#[tokio::test]
async fn an_idle_allocator_that_is_killed_comes_back_as_it_was() -> Result<()> {
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    let claimed = allocator.claim("gil@example.org", "4/gil").await?;
    deployment.machine(&claimed.hostname).has_connected("4/gil", &claimed.pin).await?;
    let postgres = deployment.postgres()?;
    let statuses = allocator.statuses().await?;
    let agent = deployment.machine("lablink-vm-dev-2").agent()?.pid;

    allocator.crash().await?;
    let allocator = deployment.start().await?;
    // Its Postgres had run on and was adopted; so had the agents.
    assert_eq!(deployment.postgres()?, postgres);
    assert_eq!(deployment.machine("lablink-vm-dev-2").agent()?.pid, agent);
    assert_eq!(allocator.statuses().await?, statuses);
    assert_eq!(allocator.operations().await?.len(), 1);
    let page = claimed.page_says(&allocator.browser()?, "Your machine is ready").await?;
    assert!(page.contains(&claimed.pin), "{page}");

    let other = allocator.claim("hal@example.org", "4/hal").await?;
    assert_eq!(other.hostname, "lablink-vm-dev-2");
    deployment.machine(&other.hostname).has_connected("4/hal", &other.pin).await?;
    allocator.stop().await?;
    deployment.ensure_nothing_runs()
}

#[tokio::test]
async fn a_claim_answered_just_before_the_allocator_is_killed_reaches_its_vm() -> Result<()> {
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    let claimed = allocator.claim("ida@example.org", "4/ida").await?;
    allocator.crash().await?;

    let allocator = deployment.start().await?;
    deployment.machine(&claimed.hostname).has_connected("4/ida", &claimed.pin).await?;
    let page = claimed.page_says(&allocator.browser()?, "Your machine is ready").await?;
    assert!(page.contains(&claimed.pin) && page.contains(&claimed.hostname), "{page}");
    Ok(())
}

#[tokio::test]
async fn a_killed_postgres_is_started_again_and_nothing_is_lost() -> Result<()> {
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    let claimed = allocator.claim("jan@example.org", "4/jan").await?;
    deployment.machine(&claimed.hostname).has_connected("4/jan", &claimed.pin).await?;

    let killed = deployment.postgres()?;
    kill(killed, Signal::SIGKILL)?;
    let program = allocator.program()?;
    eventually("the service to be back", Duration::from_secs(10), async || {
        let other = deployment.postgres()? != killed;
        Ok((other && program.get("/readyz").await?.status == 200).then_some(()))
    })
    .await?;

    claimed.page_says(&program, "Your machine is ready").await?;
    // The allocator listens again: the agent that waits hears of a claim.
    allocator.until_free(1).await?;
    let other = allocator.claim("kim@example.org", "4/kim").await?;
    deployment.machine(&other.hostname).has_connected("4/kim", &other.pin).await?;
    allocator.stop().await?;
    deployment.ensure_nothing_runs()
}
