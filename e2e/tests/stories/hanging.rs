//! What the allocator needs hangs: Terraform, or the machine of a local VM.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use lablink_e2e::{Deployment, eventually};

/// From the start of the program to its first answer.
const READY: Duration = Duration::from_secs(5);
/// What a stop may take when something hangs.
const STOPPED: Duration = Duration::from_secs(15);

/// Terraform, but for the verb that a file in `faults` names.
fn terraform(deployment: &Deployment) -> String {
    format!(
        "#!/bin/sh\nif [ -e '{0}/faults/'\"$1\" ]; then trap '' INT TERM; while :; do sleep 900; done; fi\n\
         PATH=${{PATH#*:}}; exec terraform \"$@\"\n",
        deployment.folder().display()
    )
}

fn vm_sh(deployment: &Deployment) -> String {
    format!(
        "#!/bin/sh\nif [ -e \"{0}/faults/$1-${{2##*/}}\" ]; then exec sleep 900; fi\n\
         exec bash \"$(dirname \"$0\")/real-vm.sh\" \"$@\"\n",
        deployment.folder().display()
    )
}

fn fault(deployment: &Deployment, name: &str) -> Result<()> {
    fs::create_dir_all(deployment.folder().join("faults"))?;
    Ok(fs::write(deployment.folder().join("faults").join(name), "")?)
}

fn heal(deployment: &Deployment) -> Result<()> {
    Ok(fs::remove_dir_all(deployment.folder().join("faults"))?)
}

#[tokio::test]
async fn a_terraform_that_hangs_holds_up_neither_start_nor_stop_nor_the_next_allocator()
-> Result<()> {
    let deployment = Deployment::new()?;
    deployment.put_before("terraform", &terraform(&deployment))?;
    // Postgres' cluster is made before the start is measured.
    deployment.start().await?.stop().await?;

    for verbs in [&["version", "state"], &["init", "state"]] {
        for verb in verbs {
            fault(&deployment, verb)?;
        }
        fs::remove_file(deployment.data_dir().join("terraform/dev/.initialised")).ok();
        let start = Instant::now();
        let allocator = deployment.start().await?;
        ensure!(start.elapsed() < READY, "{verbs:?}: ready after {:?}", start.elapsed());
        let took = allocator.stop().await?;
        ensure!(took < STOPPED, "{verbs:?}: stopped after {took:?}");
        deployment.ensure_nothing_runs()?;
        heal(&deployment)?;
    }
    let log = fs::read_to_string(deployment.log_file())?;
    ensure!(log.contains("'terraform version' did not end within 2 s"), "the version is not known");

    // Killed while a step hangs, it leaves one behind, which the next one ends.
    fault(&deployment, "state")?;
    let allocator = deployment.start().await?;
    let steps = deployment.data_dir().join("state/dev.terraform.steps");
    eventually("a step to hang", READY, async || Ok(fs::read_dir(&steps)?.next())).await??;
    allocator.crash().await?;
    heal(&deployment)?;
    let left = fs::read_dir(&steps)?.next().context("no step is noted")??.path();
    let allocator = deployment.start().await?;
    let launched = allocator.until_ended(allocator.launch(1).await?).await?;
    ensure!(launched["state"] == "succeeded", "{launched}");
    ensure!(!left.exists(), "the orphan is still noted");
    allocator.stop().await?;
    deployment.ensure_nothing_runs()
}

#[tokio::test]
async fn a_local_vm_that_hangs_holds_up_neither_start_nor_stop_and_is_named() -> Result<()> {
    let deployment = Deployment::new()?;
    deployment.put_before_vm_sh(&vm_sh(&deployment))?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    fault(&deployment, "stop-lablink-vm-dev-1")?;
    let took = allocator.stop().await?;
    ensure!(took < STOPPED, "stopped after {took:?}");
    deployment.machine("lablink-vm-dev-1").agent().context("what hung was stopped")?;
    ensure!(deployment.machine("lablink-vm-dev-2").agent().is_err(), "the other one was not");
    let log = fs::read_to_string(deployment.log_file())?;
    ensure!(log.contains("these local VMs did not stop"), "nothing is said");

    fault(&deployment, "resume-lablink-vm-dev-2")?;
    let start = Instant::now();
    let allocator = deployment.start().await?;
    ensure!(start.elapsed() < READY, "ready after {:?}", start.elapsed());
    heal(&deployment)?;
    let took = allocator.stop().await?;
    ensure!(took < STOPPED, "stopped after {took:?}");
    deployment.ensure_nothing_runs()
}
