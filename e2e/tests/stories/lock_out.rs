//! Somebody else has claimed with an e-mail, and its person is let in.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};
use lablink_e2e::{Allocator, Deployment, crd_command, eventually};
use nix::{sys::signal::kill, unistd::Pid};
use serde_json::{Value, json};

async fn organiser(allocator: &Allocator, deed: &str) -> Result<Value> {
    let vm = "/api/vms/lablink-vm-dev-1";
    let vm = allocator.organiser()?.get(vm).await?.expect(200)?.json()?;
    let claim = &vm["claim"]["claim_id"];
    let path = format!("/admin/claims/{claim}/{deed}");
    allocator.organiser()?.post_json(&path, &json!({})).await?.expect(200)?.json()
}

fn path(answer: &Value, key: &str, page: &str) -> Result<String> {
    let url = answer[key].as_str().with_context(|| format!("no {key} in {answer}"))?;
    Ok(url[url.find(page).context("another page")?..].to_owned())
}

fn runs(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None).is_ok()
}

#[tokio::test]
async fn who_is_locked_out_loses_page_and_desktop_and_the_right_person_has_both() -> Result<()> {
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    let stranger = allocator.claim("ann@example.org", "4/strangers").await?;
    let other = allocator.claim("bob@example.org", "4/bobs").await?;
    let machine = deployment.machine("lablink-vm-dev-1");
    let before = machine.has_connected("4/strangers", &stranger.pin).await?;
    let copied = fs::read_to_string(machine.agent_token_file())?;
    let bobs = deployment.machine(&other.hostname).has_connected("4/bobs", &other.pin).await?;
    let browser = allocator.browser()?;
    stranger.page_says(&browser, "Your machine is ready").await?;
    let is_told = async || {
        let vm = allocator.organiser()?.get("/api/vms/lablink-vm-dev-1").await?.json()?;
        let vitals = &vm["vitals"];
        Ok((vitals["locks_out"] == true && !vitals["token"].is_null()).then_some(()))
    };
    eventually("the agent to say that it can", Duration::from_secs(30), is_told).await?;

    // The stranger waits beside the agent, with its token.
    let thief = allocator.bearer(&copied)?;
    let seen = json!({ "claim_id": 1, "command_no": 1 });
    let wait = json!({ "hostname": "lablink-vm-dev-1", "seen": seen, "locks_out": true });
    let (heard, asked) =
        tokio::join!(thief.post_json("/vm_startup", &wait), organiser(&allocator, "lock-out"));
    let heard = heard?;
    ensure!(!heard.text().contains("lock_out"), "{}", heard.text());
    let new = path(&asked?, "claim_url", "/claims/")?;
    browser.get(&stranger.page).await?.expect(404)?;
    let asks = async || {
        let page = browser.get(&new).await?.expect(200)?.text();
        Ok(Some(page).filter(|page| page.contains("Your machine needs a new command")))
    };
    eventually("the page to ask for a command", Duration::from_secs(30), asks).await?;
    assert!(!runs(before.pid), "the stranger's desktop has ended");
    assert!(runs(bobs.pid), "and nobody else's");

    let command: [(&str, &str); 1] = [("crd_command", &crd_command("4/anns"))];
    browser.post_form(&format!("{new}/command"), &command).await?.expect(303)?;
    let page = eventually("the desktop", Duration::from_secs(30), async || {
        let page = browser.get(&new).await?.expect(200)?.text();
        Ok(Some(page).filter(|page| page.contains("Your machine is ready")))
    });
    let page = page.await?;
    let after = page.match_indices("PIN").filter_map(|(at, _)| page[at + 3..].trim().get(..6));
    let pin = after.into_iter().find(|it| it.bytes().all(|it| it.is_ascii_digit()));
    let pin = pin.context("no PIN")?;
    assert_ne!(pin, stranger.pin);
    machine.has_connected("4/anns", pin).await?;
    ensure!(fs::read_to_string(machine.agent_token_file())? != copied, "the same token");
    let wait = json!({ "hostname": "lablink-vm-dev-1", "seen": {} });
    let told = thief.post_json("/vm_startup", &wait).await?.expect(401)?.text();
    ensure!(!told.contains(pin) && !told.contains("4/anns"), "{told}");
    let vm = allocator.organiser()?.get("/api/vms/lablink-vm-dev-1").await?.json()?;
    ensure!(vm["barred_since"].is_string() && vm["claim"]["state"] == "connected", "{vm}");
    Ok(())
}
