//! The allocator, or everything, is killed while Terraform makes VMs.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lablink_e2e::{Deployment, Moment, eventually};

use crate::agreement::{everybody_tells_the_same, the_pool_works_on};

#[derive(Clone, Copy, Debug)]
enum Crash {
    OfAllocator,
    /// Terraform, Postgres and the agents end as well.
    OfMachine,
}

// Most of each takes the lease of the vanished worker to run out, so they wait together.
#[tokio::test]
async fn a_launch_that_lost_its_allocator_is_ended_by_the_next() -> Result<()> {
    tokio::try_join!(
        ending_at(Moment::Asked, Crash::OfAllocator),
        ending_at(Moment::TerraformStarted, Crash::OfAllocator),
        ending_at(Moment::Machines(4), Crash::OfAllocator),
    )?;
    Ok(())
}

#[tokio::test]
async fn a_launch_that_lost_the_whole_machine_is_ended_after_the_boot() -> Result<()> {
    tokio::try_join!(
        ending_at(Moment::TerraformStarted, Crash::OfMachine),
        ending_at(Moment::Machines(4), Crash::OfMachine),
    )?;
    Ok(())
}

#[tokio::test]
async fn a_vm_that_could_not_enrol_before_the_power_failed_enrols_after_the_boot() -> Result<()> {
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    let operation = allocator.launch(2).await?;
    deployment.until(Moment::TerraformStarted).await?;
    allocator.crash().await?;
    // Terraform goes on alone; its agents find nobody to enrol with.
    eventually("Terraform to end", Duration::from_secs(20), async || {
        Ok((!deployment.terraform_applies()?).then_some(()))
    })
    .await?;
    assert_eq!(deployment.terraform_state()?.hostnames().len(), 4);
    deployment.lose_power()?;

    let allocator = deployment.start().await?;
    allocator.until_ended(operation).await?;
    everybody_tells_the_same(&deployment, &allocator).await?;
    allocator.until_free(4).await
}

async fn ending_at(moment: Moment, crash: Crash) -> Result<()> {
    let recovered = crash_and_recover(moment, crash).await;
    recovered.with_context(|| format!("crash {crash:?} at {moment:?}"))
}

async fn crash_and_recover(moment: Moment, crash: Crash) -> Result<()> {
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    let claimed = allocator.claim("lea@example.org", "4/lea").await?;
    let operation = allocator.launch(8).await?;
    deployment.until(moment).await?;
    match crash {
        Crash::OfAllocator => allocator.crash().await?,
        Crash::OfMachine => deployment.lose_power()?,
    }

    let allocator = deployment.start().await?;
    let back = Instant::now();
    let ended = allocator.until_ended(operation).await?;
    ensure!(back.elapsed() < Duration::from_secs(30), "ended after {:?}", back.elapsed());
    let state = ended["state"].as_str().unwrap_or_default();
    ensure!(["interrupted", "succeeded"].contains(&state), "{ended}");
    // Machines that Terraform had made and not noted come back by themselves.
    ensure!(ended["conflict"].is_null(), "{ended}");

    // The participant noticed nothing.
    let machine = deployment.machine(&claimed.hostname);
    machine.has_connected("4/lea", &claimed.pin).await?;
    claimed.page_says(&allocator.browser()?, "Your machine is ready").await?;
    everybody_tells_the_same(&deployment, &allocator).await?;
    the_pool_works_on(&deployment, &allocator).await?;
    allocator.stop().await?;
    deployment.ensure_nothing_runs()
}
