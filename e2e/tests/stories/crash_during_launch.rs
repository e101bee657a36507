//! The allocator is killed while Terraform makes VMs for it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use lablink_e2e::{Allocator, Condition, Deployment, eventually};

/// A moment in a launch, told by how many VM folders there are: two are warm, eight are coming.
#[derive(Clone, Copy, Debug)]
enum Moment {
    Asked,
    TerraformStarted,
    Folders(usize),
}

// Most of each takes the lease of the vanished worker to run out, so they wait together.
#[tokio::test]
async fn a_launch_that_lost_its_allocator_is_ended_by_the_next() -> Result<()> {
    tokio::try_join!(
        killed_at(Moment::Asked),
        killed_at(Moment::TerraformStarted),
        killed_at(Moment::Folders(3)),
        killed_at(Moment::Folders(10)),
    )?;
    Ok(())
}

async fn killed_at(moment: Moment) -> Result<()> {
    crash_and_recover(moment).await.with_context(|| format!("killed at {moment:?}"))
}

async fn crash_and_recover(moment: Moment) -> Result<()> {
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    let claimed = allocator.claim("lea@example.org", "4/lea").await?;
    let operation = allocator.launch(8).await?;
    reach(&deployment, operation, moment).await?;
    allocator.crash().await?;

    let allocator = deployment.start().await?;
    let back = Instant::now();
    let ended = allocator.until_ended(operation).await?;
    ensure!(back.elapsed() < Duration::from_secs(30), "ended after {:?}", back.elapsed());
    let state = ended["state"].as_str().unwrap_or_default();
    ensure!(["interrupted", "succeeded"].contains(&state), "{ended}");
    everybody_tells_the_same(&deployment, &allocator).await?;

    // The pool still works: more VMs can be made, and the participant noticed nothing.
    let next = allocator.until_ended(allocator.launch(1).await?).await?;
    ensure!(next["state"] == "succeeded", "{next}");
    everybody_tells_the_same(&deployment, &allocator).await?;
    let machine = deployment.machine(&claimed.hostname);
    machine.has_connected("4/lea", &claimed.pin).await?;
    claimed.page_says(&allocator.browser()?, "Your machine is ready").await?;

    let destroyed = allocator.organiser()?.post_form("/destroy?wait=true", &[]).await?;
    let destroyed = destroyed.expect(200)?.json()?;
    ensure!(destroyed["state"] == "succeeded", "{destroyed}");
    ensure!(allocator.statuses().await?.is_empty(), "{:?}", allocator.statuses().await?);
    ensure!(deployment.machine_names()?.is_empty(), "{:?}", deployment.machine_names()?);
    allocator.stop().await?;
    deployment.ensure_nothing_runs()
}

async fn reach(deployment: &Deployment, operation: i64, moment: Moment) -> Result<()> {
    let folder = deployment.data_dir().join(format!("operations/{operation}"));
    eventually(&format!("{moment:?}"), Duration::from_secs(10), async || {
        let there = match moment {
            Moment::Asked => true,
            Moment::TerraformStarted => folder.join("terraform.pid").exists(),
            Moment::Folders(count) => deployment.machine_names()?.len() >= count,
        };
        Ok(there.then_some(()))
    })
    .await
}

/// Rows, Terraform's state, folders and processes: a VM that was made runs; one that was not, or
/// not wholly, is in error and has nothing that runs unseen.
pub async fn everybody_tells_the_same(
    deployment: &Deployment,
    allocator: &Allocator,
) -> Result<()> {
    eventually("rows, state and machines to agree", Duration::from_secs(10), async || {
        let (rows, state) = (allocator.statuses().await?, deployment.terraform_state()?);
        for (hostname, status) in &rows {
            let expected = match state.0.get(hostname) {
                Some(Condition::Whole) => "running",
                Some(Condition::Tainted) | None => "error",
            };
            ensure!(status == expected, "{hostname} is {status} with {:?}", state.0.get(hostname));
        }
        for (hostname, condition) in &state.0 {
            ensure!(rows.contains_key(hostname), "{hostname} has no row");
            if *condition == Condition::Whole {
                deployment.machine(hostname).agent()?;
            }
        }
        let machines = deployment.machine_names()?;
        ensure!(
            machines.iter().all(|name| state.0.contains_key(name)),
            "machines {machines:?} with the state {state:?}"
        );
        Ok(Some(()))
    })
    .await
}
