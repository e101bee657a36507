//! An upgrade: the program of an earlier commit and the one of today on one database.
//!
//! `make upgrade` builds the earlier one; `LABLINK_OLD_PROGRAMS` names the folder with its
//! `lablink-allocator` and `lablink-client`.

mod desk;
mod gate;
mod lab;
mod queue;
mod shown;

use std::time::Instant;

use anyhow::{Result, ensure};
use lablink_e2e::{Allocator, crd_command};

use self::{desk::Desk, lab::UpgradeLab};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs of an earlier commit: make upgrade"]
async fn an_older_allocator_goes_on_beside_the_new_one_and_leaves_it_everything() -> Result<()> {
    let lab = UpgradeLab::new()?;
    let old = lab.start_old().await?;
    old.until_free(2).await?;

    // What is there before the upgrade: machines in use, a place in line, a running operation and
    // a queued one, and a sealed key.
    let ada = old.claim("ada@example.org", "4/ada").await?;
    lab.deployment.machine(&ada.hostname).has_connected("4/ada", &ada.pin).await?;
    ada.page_says(&old.program()?, "Your machine is ready").await?;
    let ben = old.claim("ben@example.org", "4/ben").await?;
    lab.deployment.machine(&ben.hostname).has_connected("4/ben", &ben.pin).await?;
    let place = lab::join_line(&old, "cleo@example.org").await?;
    desk::register_with_ssh(&old, "stored.lab.example.org").await?;
    lab.gate.close()?;
    let (running, queued) = (old.launch(1).await?, old.launch(1).await?);
    lab.gate.somebody_waits().await?;

    let starting = Instant::now();
    let new = lab.start_new().await?;
    eprintln!("the new one migrated the database and was ready in {:?}", starting.elapsed());
    ada.page_says(&new.program()?, "Your machine is ready").await?;
    ada.page_says(&old.program()?, "Your machine is ready").await?;
    for allocator in [&old, &new] {
        ensure!(lab::page(allocator, &place).await?.contains("You are next in line"));
    }

    lab.gate.open()?;
    for id in [running, queued] {
        queue::succeeds(&new, id, "asked for at the old one before").await?;
    }
    lab::until_page_says(&new, &place, "A machine is ready for you").await?;
    lab::until_page_says(&old, &place, "A machine is ready for you").await?;

    claims_reach_agents_at_either(&lab, &old, &new).await?;
    queue::is_shared(&lab, &old, &new).await?;
    shown::everything(&old).await?;
    queue::reboots_are_left_to_the_new_one(&lab, &old, &new, &ada.hostname).await?;
    shown::all_but_unknown_kinds(&old).await?;
    lab::until_page_says(&old, &ada.page, "Your machine is ready").await?;

    // Its address goes to another new one, as behind a load balancer.
    let took = old.stop().await?;
    eprintln!("the old allocator stopped within {took:?}");
    ada.page_says(&new.program()?, "Your machine is ready").await?;
    lab::until_page_says(&new, &place, "A machine is ready for you").await?;
    let second = lab.start_in_place_of_old().await?;
    desk::stored_key_opens(&new, "stored.lab.example.org").await?;
    queue::succeeds(&second, new.launch(1).await?, "asked for at the new one, alone").await?;
    second.until_free(4).await?;
    let eve = new.claim("eve@example.org", "4/eve").await?;
    lab.deployment.machine(&eve.hostname).has_connected("4/eve", &eve.pin).await?;
    let command = [("crd_command", crd_command("4/cleo"))];
    let command = command.each_ref().map(|(name, value)| (*name, value.as_str()));
    let claimed = new.browser()?.post_form(&format!("{place}/claim"), &command).await?;
    claimed.expect(303)?;
    second.stop().await?;
    new.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs of an earlier commit: make upgrade"]
async fn what_an_older_allocator_left_undone_is_ended_and_done_by_the_new_one() -> Result<()> {
    let lab = UpgradeLab::new()?;
    let old = lab.start_old().await?;
    old.until_free(2).await?;
    lab.gate.close()?;
    let (running, queued) = (old.launch(1).await?, old.launch(1).await?);
    lab.gate.somebody_waits().await?;
    let new = lab.start_new().await?;
    old.crash().await?;
    let crashed = Instant::now();
    let ended = new.until_ended(running).await?;
    ensure!(ended["state"] == "interrupted", "{ended}");
    eprintln!("what the old one was at was ended {:?} after its crash", crashed.elapsed());
    lab.an_old_one_refuses_to_start().await?;
    lab.gate.open()?;
    queue::succeeds(&new, queued, "left in the queue by the old one").await?;
    let second = lab.start_in_place_of_old().await?;
    new.organiser()?
        .post_form(&format!("/api/operations/{running}/retry"), &[])
        .await?
        .expect(202)?;
    new.until_free(4).await?;
    second.stop().await?;
    new.stop().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the programs of an earlier commit: make upgrade"]
async fn what_only_the_new_one_can_do_waits_until_it_is_back() -> Result<()> {
    let lab = UpgradeLab::new()?;
    let old = lab.start_old().await?;
    old.until_free(2).await?;
    lab.gate.close()?;
    let running = old.launch(1).await?;
    lab.gate.somebody_waits().await?;
    let new = lab.start_new().await?;
    // It waits for the launch of its VM.
    let reboot = queue::ask_to_reboot(&new, "lablink-vm-dev-3").await?;
    new.crash().await?;
    lab.gate.open()?;
    queue::succeeds(&old, running, "begun by the old one").await?;
    let behind = old.launch(1).await?;
    let new = lab.start_new().await?;
    queue::succeeds(&new, reboot, "a reboot that the old one could not do").await?;
    queue::succeeds(&old, behind, "asked for at the old one, behind the reboot").await?;
    old.stop().await?;
    new.stop().await?;
    Ok(())
}

/// Local machines wait at the old one; one of an organiser's own waits at the new one.
async fn claims_reach_agents_at_either(
    lab: &UpgradeLab,
    old: &Allocator,
    new: &Allocator,
) -> Result<()> {
    new.until_free(1).await?;
    let dan = new.claim("dan@example.org", "4/dan").await?;
    lab.deployment.machine(&dan.hostname).has_connected("4/dan", &dan.pin).await?;
    dan.page_says(&old.program()?, "Your machine is ready").await?;

    let desk = Desk::start(lab, new, "desk.lab.example.org").await?;
    old.until_free(1).await?;
    let fay = old.claim("fay@example.org", "4/fay").await?;
    ensure!(fay.hostname == desk.machine.hostname, "{} is given", fay.hostname);
    desk.machine.has_connected("4/fay", &fay.pin).await?;
    fay.page_says(&new.program()?, "Your machine is ready").await?;
    eprintln!("claims reach agents that wait at the other allocator, both ways");
    Ok(())
}
