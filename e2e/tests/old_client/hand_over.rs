//! `subscribe` waits for its VM's claim and starts the remote desktop.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::{
    program::Program,
    service::Service,
    vm::{OldVm, Pace},
};

/// More than one sign of life passes.
const SHORT_WAIT: Duration = Duration::from_secs(21);
/// Longer than load balancers leave a silent connection alone.
const LONG_WAIT: Duration = Duration::from_secs(130);

/// A VM that reported itself running.
async fn scene(pace: Pace) -> Result<(Service, OldVm)> {
    let (service, vm) = crate::scene(pace).await?;
    service.report_status(vm.hostname, "running").await?;
    Ok((service, vm))
}

/// Starts `subscribe`; a moment later it waits for the answer to its first request.
async fn waiting(vm: &OldVm) -> Result<Program> {
    let client = vm.subscribe()?;
    client.says("Attempting to connect to allocator (attempt 1)").await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    Ok(client)
}

#[tokio::test]
async fn a_claim_reaches_a_client_that_waits() -> Result<()> {
    claim_after(Pace::Hurried, SHORT_WAIT).await
}

#[tokio::test]
#[ignore = "takes minutes: make test-old-client"]
async fn a_claim_reaches_a_client_that_waited_for_minutes() -> Result<()> {
    claim_after(Pace::Real, LONG_WAIT).await
}

async fn claim_after(pace: Pace, wait: Duration) -> Result<()> {
    let (service, vm) = scene(pace).await?;
    let mut client = waiting(&vm).await?;
    tokio::time::sleep(wait).await;
    let claimed = service.claim("ann@example.org", "4/0Ann-first_Code").await?;
    let since = Instant::now();
    vm.has_connected("4/0Ann-first_Code", &claimed.pin).await?;
    assert!(since.elapsed() < Duration::from_secs(2), "it took {:?}", since.elapsed());
    client.ends().await?;
    // One request lasted all the time.
    let log = client.log()?;
    assert!(log.contains("Command executed successfully."), "{log}");
    assert!(!log.contains("Retrying"), "{log}");
    Ok(())
}

#[tokio::test]
async fn a_claim_made_while_the_client_was_away_is_there_when_it_asks_again() -> Result<()> {
    let (service, vm) = scene(Pace::Hurried).await?;
    waiting(&vm).await?.kill().await?;
    let claimed = service.claim("bob@example.org", "4/bob").await?;
    // The second time, the VM's container was started anew after all had gone well.
    for _ in 0..2 {
        let mut client = vm.subscribe()?;
        client.says("POST request was successful.").await?;
        vm.has_connected("4/bob", &claimed.pin).await?;
        client.ends().await?;
        assert!(!client.log()?.contains("Retrying"), "{}", client.log()?);
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_asks_before_its_vm_is_known_asks_again() -> Result<()> {
    let (service, vm) = crate::scene(Pace::Hurried).await?;
    let mut client = vm.subscribe()?;
    client.says("POST request failed with status code: 404").await?;
    service.report_status(vm.hostname, "running").await?;
    let claimed = service.claim("dan@example.org", "4/dan").await?;
    vm.has_connected("4/dan", &claimed.pin).await?;
    client.ends().await
}

/// How the allocator goes down.
#[derive(Clone, Copy)]
enum Ending {
    Stopped,
    Crashed,
}

/// What comes first after the restart.
#[derive(Clone, Copy)]
enum First {
    /// The claim, made while the client sleeps between two requests.
    Claim,
    Client,
}

#[tokio::test]
async fn a_client_that_waits_gets_its_claim_from_the_next_allocator() -> Result<()> {
    tokio::try_join!(
        restart(Pace::Hurried, Ending::Stopped, First::Client),
        restart(Pace::Hurried, Ending::Crashed, First::Claim),
    )?;
    Ok(())
}

#[tokio::test]
#[ignore = "takes minutes: make test-old-client"]
async fn a_client_that_waits_gets_its_claim_from_the_next_allocator_at_its_own_pace() -> Result<()>
{
    tokio::try_join!(
        restart(Pace::Real, Ending::Stopped, First::Client),
        restart(Pace::Real, Ending::Stopped, First::Claim),
        restart(Pace::Real, Ending::Crashed, First::Client),
        restart(Pace::Real, Ending::Crashed, First::Claim),
    )?;
    Ok(())
}

async fn restart(pace: Pace, ending: Ending, first: First) -> Result<()> {
    let (mut service, vm) = scene(pace).await?;
    let mut client = waiting(&vm).await?;
    match ending {
        Ending::Stopped => service.stop().await?,
        Ending::Crashed => service.crash().await?,
    }
    client.says("Retrying in 60 seconds...").await?;
    service.start_again().await?;
    if let First::Client = first {
        // It may have knocked while nobody was there, and sleeps once more.
        let failures = client.log()?.matches("Retrying").count();
        client.says(&format!("(attempt {})", failures + 1)).await?;
    }
    let claimed = service.claim("cleo@example.org", "4/cleo").await?;
    vm.has_connected("4/cleo", &claimed.pin).await?;
    client.ends().await
}
