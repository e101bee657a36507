//! Participants' results come home.

use std::fs;

use anyhow::{Context, Result};
use lablink_e2e::Deployment;

#[tokio::test]
async fn results_are_home_before_the_machines_are_gone() -> Result<()> {
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    let organiser = allocator.organiser()?;

    // As the original answers when nobody has made anything yet.
    let none = organiser.get("/api/scp-client").await?.expect(404)?.json()?;
    assert_eq!(none["error"], "No slp files found in any VMs.");

    let desktop = deployment.machine("lablink-vm-dev-2").folder.join("Desktop/day 1");
    fs::create_dir_all(&desktop)?;
    fs::write(desktop.join("it's \"tracked\".slp"), "every frame")?;
    fs::write(desktop.join("notes.txt"), "of no interest")?;

    // At once, for a script. What is stored uncompressed can be read in the archive's bytes.
    let archive = organiser.get("/api/scp-client").await?.expect(200)?;
    let disposition = archive.header("content-disposition")?;
    let name = disposition.strip_prefix("attachment; filename=lablink_data").context("no name")?;
    assert!(name.ends_with(".zip"), "{disposition}");
    // Windows takes no quotation marks in a name.
    for part in ["vm_2/Desktop/day 1/it's _tracked_.slp", "every frame", "REPORT.csv"] {
        assert!(archive.body.contains(part), "{part}");
    }
    assert!(!archive.body.contains("notes.txt"));

    // And once more before everything goes.
    let destroyed = organiser.post_form("/destroy?wait=true", &[("collect", "yes")]).await?;
    let destroyed = destroyed.expect(200)?.json()?;
    assert_eq!((&destroyed["kind"], &destroyed["state"]), (&"destroy".into(), &"succeeded".into()));
    assert!(deployment.machine_names()?.is_empty());
    let kept = organiser.get("/api/collections").await?.expect(200)?.json()?;
    let url = kept["collections"][0]["archive"]["url"].as_str().context("no archive is kept")?;
    assert!(organiser.get(url).await?.expect(200)?.body.contains("every frame"));
    allocator.program()?.get(url).await?.expect(401)?;

    allocator.stop().await?;
    deployment.ensure_nothing_runs()
}
