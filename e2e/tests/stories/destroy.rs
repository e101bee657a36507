//! The organiser destroys VMs.

use anyhow::Result;
use lablink_e2e::{Deployment, processes_of};

#[tokio::test]
async fn destroying_takes_exactly_what_was_ticked_and_leaves_nothing_behind() -> Result<()> {
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    allocator.until_ended(allocator.launch(1).await?).await?;
    allocator.until_free(3).await?;
    let claimed = allocator.claim("dora@example.org", "4/dora").await?;
    let doras = deployment.machine(&claimed.hostname);
    let desktop = doras.has_connected("4/dora", &claimed.pin).await?.pid;
    let browser = allocator.organisers_browser()?;

    // A browser has to say that it means it.
    let preview = browser.get("/admin/instances/delete").await?.expect(200)?.text();
    assert!(preview.contains("dora@example.org"), "{preview}");
    let ticked = [("hostname", "lablink-vm-dev-2")];
    let form = browser.post_form("/destroy", &ticked).await?.expect(422)?;
    assert!(form.text().contains("Nothing was destroyed"), "{}", form.body);
    browser.post_form("/destroy", &[("confirm", "yes")]).await?.expect(422)?;
    assert_eq!(allocator.operations().await?.len(), 2);

    let confirmed = [("hostname", "lablink-vm-dev-2"), ("confirm", "yes")];
    let sent = browser.post_form("/destroy", &confirmed).await?.expect(303)?;
    let operation = sent.header("location")?.strip_prefix("/admin/operations/").unwrap().parse()?;
    let ended = allocator.until_ended(operation).await?;
    assert_eq!(ended["state"], "succeeded", "{ended}");
    let left = ["lablink-vm-dev-1", "lablink-vm-dev-3"];
    assert_eq!(allocator.statuses().await?.into_keys().collect::<Vec<_>>(), left);
    assert_eq!(deployment.terraform_state()?.hostnames(), left);
    assert_eq!(deployment.machine_names()?, left);
    assert!(processes_of(&deployment.machine("lablink-vm-dev-2").folder)?.is_empty());
    let alive = processes_of(&doras.folder)?;
    assert!(alive.iter().any(|process| process.pid == desktop), "{alive:?}");

    // A program that names none destroys all, as with the original.
    let destroyed = allocator.organiser()?.post_form("/destroy?wait=true", &[]).await?;
    let destroyed = destroyed.expect(200)?.json()?;
    assert_eq!(destroyed["state"], "succeeded", "{destroyed}");
    assert!(allocator.statuses().await?.is_empty());
    assert!(deployment.terraform_state()?.hostnames().is_empty());
    assert!(deployment.machine_names()?.is_empty());
    let left = processes_of(&deployment.data_dir().join("vms"))?;
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(allocator.free_count().await?, 0);

    let page = claimed.page_says(&allocator.browser()?, "This machine is gone").await?;
    assert!(!page.contains("PIN"), "{page}");
    allocator.stop().await?;
    deployment.ensure_nothing_runs()
}
