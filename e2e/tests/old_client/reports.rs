//! What the client says of its VM: its status, by curl, its GPU and its use.

use anyhow::Result;
use tokio::process::Command;

use crate::{scene, vm::Pace};

#[tokio::test]
async fn a_vm_is_known_from_its_first_status_and_free_without_a_gpu() -> Result<()> {
    let (service, vm) = scene(Pace::Hurried).await?;
    assert!(service.status(vm.hostname).await.is_err(), "nobody has said a word of it");
    for status in ["initializing", "running"] {
        service.report_status(vm.hostname, status).await?;
        assert_eq!(service.status(vm.hostname).await?, status);
    }
    service.shows(vm.hostname, "Not reported").await?;
    // With nothing to look at, it reports once and ends.
    vm.check_gpu()?.ends().await?;
    service.shows(vm.hostname, "No GPU").await?;
    service.claim("eve@example.org", "4/eve").await.map(drop)
}

#[tokio::test]
async fn check_gpu_reports_every_change() -> Result<()> {
    gpu_changes(Pace::Hurried).await
}

#[tokio::test]
#[ignore = "takes minutes: make test-old-client"]
async fn check_gpu_reports_every_change_at_its_own_pace() -> Result<()> {
    gpu_changes(Pace::Real).await
}

async fn gpu_changes(pace: Pace) -> Result<()> {
    let (service, vm) = scene(pace).await?;
    service.report_status(vm.hostname, "running").await?;
    vm.set_nvidia_smi(0)?;
    let mut client = vm.check_gpu()?;
    client.says("GPU health status changed: Healthy").await?;
    service.shows(vm.hostname, "Healthy").await?;

    vm.set_nvidia_smi(9)?;
    client.says("GPU health status changed: Unhealthy").await?;
    service.shows(vm.hostname, "Unhealthy").await?;
    let refused = service.claim("eve@example.org", "4/eve").await;
    assert!(refused.is_err_and(|error| error.to_string().starts_with("503")));

    vm.set_nvidia_smi(0)?;
    client.says_times("GPU health status changed: Healthy", 2).await?;
    service.shows(vm.hostname, "Healthy").await?;
    service.claim("eve@example.org", "4/eve").await?;
    // A claim takes nothing away from what is known.
    service.shows(vm.hostname, "Healthy").await?;

    // The shell's word for a program that is not there.
    vm.set_nvidia_smi(127)?;
    client.ends().await?;
    service.shows(vm.hostname, "No GPU").await
}

#[tokio::test]
async fn update_inuse_status_reports_when_the_software_starts_and_stops() -> Result<()> {
    in_use(Pace::Hurried).await
}

#[tokio::test]
#[ignore = "takes minutes: make test-old-client"]
async fn update_inuse_status_reports_starts_and_stops_at_its_own_pace() -> Result<()> {
    in_use(Pace::Real).await
}

async fn in_use(pace: Pace) -> Result<()> {
    let (service, vm) = scene(pace).await?;
    service.report_status(vm.hostname, "running").await?;
    service.claim("finn@example.org", "4/finn").await?;
    // The client looks at all processes of this machine.
    let software = format!("sleap-{:016x}", rand::random::<u64>());
    let client = vm.update_inuse_status(&software)?;
    client.says("is not running").await?;
    service.shows(vm.hostname, "Idle").await?;

    let mut running =
        Command::new("sleep").arg0(&software).arg("600").kill_on_drop(true).spawn()?;
    client.says_times("API call successful", 1).await?;
    service.shows(vm.hostname, "In use").await?;

    running.kill().await?;
    client.says_times("API call successful", 2).await?;
    service.shows(vm.hostname, "Idle").await
}
