//! A machine that somebody already has joins the pool by the command that its organiser gets.

use std::{process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use lablink_e2e::{Deployment, processes_of, start_host};
use serde_json::json;
use tokio::process::Command;

const NAME: &str = "desk-7.lab.example.org";

#[tokio::test]
async fn the_install_command_enrols_a_machine_for_real_and_removing_leaves_it_alone() -> Result<()>
{
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    let organiser = allocator.organiser()?;
    let wish = json!({ "hostname": NAME });
    let told = organiser.post_json("/api/vms", &wish).await?.expect(201)?.json()?;
    let command = told["install_command"].as_str().context("no command")?;

    // Into a folder, and so without root.
    let desk = deployment.folder().join("desk");
    let installing = Command::new("sh")
        .args(["-c", &command.replace("sudo sh", "sh")])
        .env("LABLINK_INSTALL_DIR", &desk)
        .env("LABLINK_REMOTE_DESKTOP", start_host())
        .env("HOME", &desk)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let installed = tokio::time::timeout(Duration::from_secs(60), installing).await??;
    let said = String::from_utf8_lossy(&installed.stdout);
    ensure!(installed.status.success(), "{said}{}", String::from_utf8_lossy(&installed.stderr));
    assert!(said.contains(&format!("{NAME} is enrolled")), "{said}");
    assert!(!desk.join("state/enrolment-token").exists(), "used up, and gone");

    allocator.until_free(3).await?;
    for (email, code) in [("a@example.org", "4/a"), ("b@example.org", "4/b")] {
        allocator.claim(email, code).await?;
    }
    let last = allocator.claim("desk@example.org", "4/desk").await?;
    assert_eq!(last.hostname, NAME, "machines without a number come last");
    last.page_says(&allocator.program()?, "Your machine is ready").await?;

    let removed = organiser.delete(&format!("/api/vms/{NAME}")).await?.expect(200)?;
    assert_eq!(removed.json()?["hostname"], NAME);
    last.page_says(&allocator.program()?, "This machine was released").await?;
    let agent = || -> Result<bool> {
        Ok(processes_of(&desk)?.iter().any(|it| it.command_line.contains("lablink-client run")))
    };
    assert!(agent()?, "the machine is left alone");
    assert!(!allocator.statuses().await?.contains_key(NAME));

    allocator.stop().await?;
    Ok(())
}
