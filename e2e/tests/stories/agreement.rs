use std::time::Duration;

use anyhow::{Result, ensure};
use lablink_e2e::{Allocator, Condition, Deployment, eventually};

/// Rows, Terraform's state, folders and processes: a VM that was made runs; one that was not, or
/// not wholly, is in error and has nothing that runs unseen.
pub async fn everybody_tells_the_same(
    deployment: &Deployment,
    allocator: &Allocator,
) -> Result<()> {
    eventually("rows, state and machines to agree", Duration::from_secs(20), async || {
        let (rows, state) = (allocator.statuses().await?, deployment.terraform_state()?);
        for (hostname, status) in &rows {
            let made = state.0.get(hostname);
            let expected = match made {
                Some(Condition::Whole) => "running",
                Some(Condition::Tainted) | None => "error",
            };
            ensure!(status == expected, "{hostname} is {status}, in Terraform's state {made:?}");
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

/// The pool works on after a mishap: another VM can be made, and all can be destroyed.
pub async fn the_pool_works_on(deployment: &Deployment, allocator: &Allocator) -> Result<()> {
    let launched = allocator.until_ended(allocator.launch(1).await?).await?;
    ensure!(launched["state"] == "succeeded", "{launched}");
    everybody_tells_the_same(deployment, allocator).await?;

    let destroyed = allocator.organiser()?.post_form("/destroy?wait=true", &[]).await?;
    let destroyed = destroyed.expect(200)?.json()?;
    ensure!(destroyed["state"] == "succeeded", "{destroyed}");
    let (rows, machines) = (allocator.statuses().await?, deployment.machine_names()?);
    ensure!(rows.is_empty() && machines.is_empty(), "left: {rows:?}, {machines:?}");
    ensure!(deployment.terraform_state()?.hostnames().is_empty());
    Ok(())
}
