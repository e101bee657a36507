//! AWS has no room for some VMs: the others are there to be used, and these are tried elsewhere.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lablink_e2e::Allocator;
use serde_json::{Value, json};

use crate::lab::{Lab, OURS, ends, instance_type, replace};

const ZONES: [&str; 3] = ["us-west-2a", "us-west-2b", "us-west-2c"];
/// Pauses grow, forty VMs take minutes, and the machines here are slow at times.
const PATIENCE: Duration = Duration::from_mins(10);

impl Lab {
    fn no_room_in(&self, zone: &str) -> Result<()> {
        self.cloud.fault(&["capacity", "--type", "t3.small", "--zone", zone])
    }
}

/// The operation, once it waits after so many attempts.
async fn until_put_off(allocator: &Allocator, operation: i64, attempts: i64) -> Result<Value> {
    let path = format!("/api/operations/{operation}");
    let waiting = async {
        loop {
            let told = allocator.organiser()?.get(&path).await?.expect(200)?.json()?;
            if told["state"] == "queued" && told["attempts"].as_i64() >= Some(attempts) {
                return anyhow::Ok(told);
            }
            ensure!(told["finished_at"].is_null(), "{told}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.context("it is not put off")?
}

/// Once the agents of so many have been heard, whatever operations go on.
async fn until_there_are(allocator: &Allocator, free: i64) -> Result<()> {
    let there = async {
        while allocator.free_count().await? < free {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(PATIENCE, there).await.context("too few VMs can be claimed")?
}

/// Of three VMs, one in each zone: the one that was made, and those that were refused.
fn sorted(told: &Value) -> Result<(String, Vec<String>)> {
    let name = |it: &&Value| it["hostname"].as_str().map(str::to_owned);
    let refused: Vec<String> = refusals_of(told, 1)?.iter().filter_map(name).collect();
    let all = (1..=3).map(|number| format!("lablink-vm-dev-{number}"));
    let made: Vec<String> = all.filter(|it| !refused.contains(it)).collect();
    ensure!((made.len(), refused.len()) == (1, 2), "{told}");
    Ok((made[0].clone(), refused))
}

fn refusals_of(told: &Value, attempt: i64) -> Result<Vec<&Value>> {
    let refusals = told["refusals"].as_array().context("refusals")?;
    Ok(refusals.iter().filter(|it| it["attempt"] == attempt).collect())
}

#[tokio::test]
async fn what_is_made_is_claimed_while_the_rest_is_tried_in_other_zones_and_as_other_types()
-> Result<()> {
    let Some(lab) = Lab::with_machine("other_machine_types: [t3.medium]")? else { return Ok(()) };
    lab.no_room_in(ZONES[0])?;
    lab.no_room_in(ZONES[1])?;
    let allocator = lab.deployment.start().await?;
    let launch = allocator.launch(3).await?;
    let told = until_put_off(&allocator, launch, 1).await?;
    let (made, refused) = sorted(&told)?;
    for refusal in refusals_of(&told, 1)? {
        ensure!(refusal["shortage"] == "capacity" && refusal["next_zone"] == ZONES[2], "{refusal}");
        let reason = refusal["reason"].as_str().context("a reason")?;
        ensure!(reason.starts_with("AWS has no machine of this type left"), "{reason}");
    }
    ensure!(told["not_before"].is_string(), "{told}");
    let page = allocator.organiser()?.get(&format!("/admin/operations/{launch}")).await?;
    for words in [
        "Call off the rest",
        "2 VMs could not be made yet",
        "Tried as t3.small in us-west-2a: AWS has no machine",
    ] {
        ensure!(page.body.contains(words), "{words}: {}", page.body);
    }

    // What is due is not lost with the process that knew of it.
    allocator.stop().await?;
    lab.no_room_in(ZONES[2])?;
    let allocator = lab.deployment.start().await?;
    until_there_are(&allocator, 1).await?;
    let claimed = allocator.claim("ada@example.org", "4/abc").await?;
    ensure!(claimed.hostname == made, "{}", claimed.hostname);
    let told = until_put_off(&allocator, launch, 2).await?;
    let again = refusals_of(&told, 2)?;
    ensure!(again.len() == 2, "{told}");
    ensure!(again.iter().all(|it| it["next_machine_type"] == "t3.medium"), "{told}");

    let ended = ends(&allocator, launch, "succeeded").await?;
    ensure!(ended["reason"].is_null(), "{ended}");
    allocator.until_free(2).await?;
    for name in &refused {
        ensure!(instance_type(&lab, name)? == "t3.medium", "{name}");
    }
    ensure!(instance_type(&lab, &made)? == "t3.small");
    ensure!(lab.cloud.running(OURS.0, OURS.1)?.len() == 3);
    allocator.stop().await?;
    Ok(())
}

#[tokio::test]
#[ignore = "takes minutes: make test-aws"]
async fn of_forty_those_that_are_made_are_claimed_while_three_are_tried_elsewhere() -> Result<()> {
    const NO_ROOM: [&str; 3] = ["capacity", "--type", "g4dn.xlarge"];
    let Some(lab) = Lab::deployed(&[])? else { return Ok(()) };
    lab.cloud.fault(&[&NO_ROOM[..], &["--times", "3"]].concat())?;
    let allocator = lab.deployment.start().await?;
    let launch = allocator.launch(40).await?;
    let refused = refusals_of(&until_put_off(&allocator, launch, 1).await?, 1)?.len();
    ensure!(refused == 3, "{refused} were refused");
    // Nothing comes of these before all others are claimed.
    lab.cloud.fault(&NO_ROOM)?;
    until_there_are(&allocator, 37).await?;
    for number in 0..37 {
        allocator.claim(&format!("student{number}@example.org"), "4/abc").await?;
    }
    let told = until_put_off(&allocator, launch, 2).await?;
    for refusal in refusals_of(&told, 1)? {
        ensure!(refusal["next_zone"] != refusal["zone"], "{refusal}");
    }
    lab.cloud.fault(&["clear"])?;
    ends(&allocator, launch, "succeeded").await?;
    allocator.until_free(3).await?;
    ensure!(lab.cloud.running(OURS.0, OURS.1)?.len() == 40);
    allocator.stop().await?;
    Ok(())
}

#[tokio::test]
#[ignore = "make test-aws"]
async fn a_rest_that_is_called_off_leaves_nothing_behind() -> Result<()> {
    let Some(lab) = Lab::new()? else { return Ok(()) };
    lab.no_room_in(ZONES[0])?;
    lab.no_room_in(ZONES[1])?;
    let allocator = lab.deployment.start().await?;
    let launch = allocator.launch(3).await?;
    let (made, _) = sorted(&until_put_off(&allocator, launch, 1).await?)?;
    let cancel = format!("/api/operations/{launch}/cancel");
    allocator.organiser()?.post_json(&cancel, &json!({})).await?.expect(202)?;
    let ended = ends(&allocator, launch, "cancelled").await?;
    ensure!(ended["reason"] == "It was cancelled before it was tried again.", "{ended}");
    let vms = allocator.organiser()?.get("/api/vms").await?.expect(200)?.json()?;
    let names: Vec<&Value> =
        vms["vms"].as_array().context("vms")?.iter().map(|vm| &vm["hostname"]).collect();
    ensure!(names == [&made], "{vms}");
    ensure!(lab.cloud.running(OURS.0, OURS.1)?.len() == 1);

    lab.cloud.fault(&["clear"])?;
    allocator.until_free(1).await?;
    ends(&allocator, allocator.launch(2).await?, "succeeded").await?;
    allocator.until_free(3).await?;
    ensure!(lab.cloud.running(OURS.0, OURS.1)?.len() == 3);
    allocator.stop().await?;
    Ok(())
}

#[tokio::test]
#[ignore = "make test-aws"]
async fn a_replacement_without_room_comes_when_there_is_some() -> Result<()> {
    let Some(lab) = Lab::new()? else { return Ok(()) };
    let allocator = lab.deployment.start().await?;
    ends(&allocator, allocator.launch(2).await?, "succeeded").await?;
    allocator.until_free(2).await?;
    let (first, second) = ("lablink-vm-dev-1", "lablink-vm-dev-2");
    let before = (lab.instance(first)?, lab.instance(second)?);
    for zone in ZONES {
        lab.no_room_in(zone)?;
    }
    let replacement = replace(&allocator, first).await?;
    until_put_off(&allocator, replacement, 1).await?;
    ensure!(lab.cloud.running("Name", first)?.is_empty());
    lab.cloud.fault(&["clear"])?;
    ends(&allocator, replacement, "succeeded").await?;
    allocator.until_free(2).await?;
    let after = (lab.instance(first)?, lab.instance(second)?);
    ensure!(after.0 != before.0 && after.1 == before.1, "{before:?} {after:?}");
    allocator.stop().await?;
    Ok(())
}
