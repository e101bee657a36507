//! A participant who copied the agent's token of their machine learns nothing of the next participant.

use std::{fs, time::Duration};

use anyhow::{Result, ensure};
use lablink_e2e::{Allocator, Claimed, Deployment, eventually};
use serde_json::json;

const COME_UP: Duration = Duration::from_secs(20);

async fn give_back(allocator: &Allocator, claimed: &Claimed) -> Result<()> {
    let release = format!("/api/vms/{}/release", claimed.hostname);
    let reuse = json!({ "then": "reuse" });
    allocator.organiser()?.post_json(&release, &reuse).await?.expect(200)?;
    Ok(())
}

#[tokio::test]
async fn a_copied_token_is_dead_for_the_next_participant_and_bars_the_machine() -> Result<()> {
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    let ada = allocator.claim("ada@example.org", "4/ada").await?;
    let machine = deployment.machine(&ada.hostname);
    machine.has_connected("4/ada", &ada.pin).await?;
    // Anybody on the machine can read the token of a local VM: see its page.
    let copied = fs::read_to_string(machine.agent_token_file())?;
    give_back(&allocator, &ada).await?;

    // Its agent takes a new one by itself. Then it is handed out again, as the first.
    allocator.until_free(2).await?;
    ensure!(fs::read_to_string(machine.agent_token_file())? != copied, "the same token");
    let next = allocator.claim("bob@example.org", "4/bob").await?;
    ensure!(next.hostname == ada.hostname, "another machine");
    machine.has_connected("4/bob", &next.pin).await?;

    let wait = json!({ "hostname": ada.hostname, "seen": {} });
    let told = allocator.bearer(&copied)?.post_json("/vm_startup", &wait).await?.expect(401)?;
    ensure!(!told.text().contains(&next.pin) && !told.text().contains("4/bob"), "{}", told.text());
    let page = format!("/admin/vms/{}", ada.hostname);
    let page = allocator.organisers_browser()?.get(&page).await?.text();
    ensure!(page.contains("Barred") && page.contains("protection against earlier"), "{page}");

    // The claim goes on; the next does not begin.
    give_back(&allocator, &next).await?;
    eventually("another new token", COME_UP, async || {
        let vm = allocator.organiser()?.get(&format!("/api/vms/{}", ada.hostname)).await?.json()?;
        Ok((vm["token_due_since"].is_null() && vm["barred_since"].is_string()).then_some(()))
    })
    .await?;
    ensure!(allocator.free_count().await? == 1, "it is not the other one alone");
    let allow = format!("/api/vms/{}/allow", ada.hostname);
    allocator.organiser()?.post_json(&allow, &json!({})).await?.expect(200)?;
    ensure!(allocator.free_count().await? == 2, "nobody can claim it");
    allocator.stop().await?;
    Ok(())
}
