//! The allocator is stopped and started again.

use std::time::Duration;

use anyhow::Result;
use lablink_e2e::{Deployment, eventually};

#[tokio::test]
async fn a_stopped_allocator_leaves_nothing_running_and_finds_everything_again() -> Result<()> {
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    let claimed = allocator.claim("emil@example.org", "4/emil").await?;
    let machine = deployment.machine(&claimed.hostname);
    machine.has_connected("4/emil", &claimed.pin).await?;
    claimed.page_says(&allocator.program()?, "Your machine is ready").await?;
    let (statuses, operations) = (allocator.statuses().await?, allocator.operations().await?);
    let password = deployment.admin_password()?;

    let took = allocator.stop().await?;
    assert!(took < Duration::from_secs(15), "{took:?}");
    deployment.ensure_nothing_runs()?;

    let allocator = deployment.start().await?;
    assert_eq!(deployment.admin_password()?, password);
    assert_eq!(allocator.statuses().await?, statuses);
    // The warm VMs are not launched a second time.
    assert_eq!(allocator.operations().await?, operations);
    assert_eq!(deployment.terraform_state()?.hostnames().len(), 2);
    let page = claimed.page_says(&allocator.browser()?, &claimed.hostname).await?;
    assert!(page.contains(&claimed.pin), "{page}");

    // The agents are back: the one that was free can be claimed, and is told so.
    eventually("the agent to be back", Duration::from_secs(10), async || machine.agent().map(Some))
        .await?;
    allocator.until_free(1).await?;
    let other = allocator.claim("fay@example.org", "4/fay").await?;
    assert_ne!(other.hostname, claimed.hostname);
    deployment.machine(&other.hostname).has_connected("4/fay", &other.pin).await?;
    allocator.stop().await?;
    deployment.ensure_nothing_runs()
}

#[tokio::test]
async fn local_vms_follow_an_allocator_to_another_port() -> Result<()> {
    let mut deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    let claimed = allocator.claim("gus@example.org", "4/gus").await?;
    let machine = deployment.machine(&claimed.hostname);
    machine.has_connected("4/gus", &claimed.pin).await?;
    claimed.page_says(&allocator.program()?, "Your machine is ready").await?;
    allocator.stop().await?;
    deployment.change_port()?;

    let allocator = deployment.start().await?;
    allocator.until_free(1).await?;
    let other = allocator.claim("hal@example.org", "4/hal").await?;
    deployment.machine(&other.hostname).has_connected("4/hal", &other.pin).await?;
    // Its agent is back as well: it takes what it is told now.
    let release = format!("/api/vms/{}/release", claimed.hostname);
    allocator.organiser()?.post_form(&release, &[("then", "reuse")]).await?.expect(200)?;
    allocator.until_free(1).await?;
    let next = allocator.claim("ida@example.org", "4/ida").await?;
    assert_eq!(next.hostname, claimed.hostname);
    machine.has_connected("4/ida", &next.pin).await?;
    allocator.stop().await?;
    deployment.ensure_nothing_runs()
}
