//! Somebody gets a machine, and gets back to it.

use anyhow::Result;
use lablink_e2e::{Deployment, crd_command};
use serde_json::json;

#[tokio::test]
async fn a_claim_hands_the_code_and_the_pin_to_a_warm_vm() -> Result<()> {
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;

    let claimed = allocator.claim("ann@example.org", "4/0Ann-first_Code").await?;
    assert_eq!(claimed.hostname, "lablink-vm-dev-1");
    let machine = deployment.machine(&claimed.hostname);
    machine.has_connected("4/0Ann-first_Code", &claimed.pin).await?;

    let page = claimed.page_says(&allocator.browser()?, "Your machine is ready").await?;
    assert!(page.contains(&claimed.hostname), "{page}");
    allocator.until_free(1).await?;
    allocator.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_browser_is_sent_to_a_page_with_hostname_and_pin() -> Result<()> {
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    let browser = allocator.browser()?;
    assert!(browser.get("/").await?.expect(200)?.text().contains("2 machines free"));

    let typed = [("email", "bob@example.org"), ("crd_command", &crd_command("4/bobs"))];
    let sent = browser.post_form("/api/request_vm", &typed).await?.expect(303)?;
    let path = sent.header("location")?;
    assert!(path.starts_with("/claims/"), "{path}");

    let page = browser.get(path).await?.expect(200)?.text();
    assert!(page.contains("lablink-vm-dev-1"), "{page}");
    let pin = page.split_once("PIN").and_then(|(_, rest)| rest.trim().get(..6));
    let record = deployment.machine("lablink-vm-dev-1").has_connected("4/bobs", pin.unwrap()).await;
    record.map(drop)
}

#[tokio::test]
async fn only_who_shows_that_the_claim_is_theirs_gets_back_in() -> Result<()> {
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    let browser = allocator.browser()?;
    let first = [("email", "cleo@example.org"), ("crd_command", &crd_command("4/first"))];
    let sent = browser.post_form("/api/request_vm", &first).await?.expect(303)?;
    let first_page = browser.get(sent.header("location")?).await?.expect(200)?.text();
    let machine = deployment.machine("lablink-vm-dev-1");

    // The same command again, as by a double click, from anywhere and in any spelling.
    let again = json!({ "email": "  Cleo@EXAMPLE.org ", "crd_command": crd_command("4/first") });
    let program = allocator.program()?;
    let same = program.post_json("/api/request_vm", &again).await?.expect(200)?.json()?;
    assert_eq!(same["hostname"], "lablink-vm-dev-1");
    let pin = same["pin"].as_str().unwrap();
    machine.has_connected("4/first", pin).await?;
    assert!(first_page.contains(pin), "{first_page}");

    // The e-mail alone is no proof.
    let other = json!({ "email": "cleo@example.org", "crd_command": crd_command("4/other") });
    let refused = program.post_json("/api/request_vm", &other).await?.expect(409)?;
    assert_eq!(refused.json()?["code"], "already_claimed");
    assert!(!refused.body.contains(pin));
    let typed = [("email", "cleo@example.org"), ("crd_command", &crd_command("4/other"))];
    let stranger = allocator.browser()?;
    let refused = stranger.post_form("/api/request_vm", &typed).await?.expect(409)?;
    assert!(!refused.body.contains(pin));
    machine.has_connected("4/first", pin).await?;

    // The browser that made the claim may give a new command, which is run.
    let fresh = [("email", "CLEO@example.org"), ("crd_command", &crd_command("4/fresh"))];
    let back = browser.post_form("/api/request_vm", &fresh).await?.expect(303)?;
    let page = browser.get(back.header("location")?).await?.expect(200)?.text();
    assert!(page.contains("lablink-vm-dev-1") && page.contains(pin), "{page}");
    machine.has_connected("4/fresh", pin).await?;
    assert_eq!(allocator.free_count().await?, 1);
    Ok(())
}
