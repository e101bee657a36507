//! The configuration is changed while LabLink runs.

use std::{fs, time::Duration};

use anyhow::{Result, ensure};
use lablink_e2e::{Allocator, Deployment, eventually};
use serde_json::json;

const SOON: Duration = Duration::from_secs(20);

async fn shows(allocator: &Allocator, path: &str, words: &str) -> Result<bool> {
    Ok(allocator.organisers_browser()?.get(path).await?.expect(200)?.text().contains(words))
}

#[tokio::test]
async fn limits_and_access_code_count_at_once_and_the_rest_is_named() -> Result<()> {
    let deployment = Deployment::with_config("provider: local\n")?;
    let allocator = deployment.start().await?;
    let organiser = allocator.organiser()?;
    ensure!(!shows(&allocator, "/", "Access code").await?);

    let file = deployment.config();
    let changed = "provider: local\napp: {access_code: sesame}\nlimits: {max_vms: 2}\n\
                   machine: {software: other}\n";
    fs::write(&file, changed)?;
    allocator.read_again()?;
    eventually("the form to ask for the code", SOON, async || {
        Ok(shows(&allocator, "/", "Access code").await?.then_some(()))
    })
    .await?;
    organiser.post_json("/api/launch", &json!({"num_vms": 3})).await?.expect(422)?;
    eventually("organisers to read what needs a restart", SOON, async || {
        Ok(shows(&allocator, "/admin", "next start on: machine.software").await?.then_some(()))
    })
    .await?;

    fs::write(&file, changed.replace("sesame", "other").replace("max_vms: 2", "max_vms: many"))?;
    allocator.read_again()?;
    eventually("organisers to read what is wrong", SOON, async || {
        Ok(shows(&allocator, "/admin", "limits.max_vms does not match").await?.then_some(()))
    })
    .await?;
    organiser.post_json("/api/launch", &json!({"num_vms": 3})).await?.expect(422)?;
    let ada =
        [("email", "ada@example.org"), ("crd_command", "--code=4/a"), ("access_code", "sesame")];
    let answer = allocator.program()?.post_form("/api/request_vm", &ada).await?;
    ensure!(answer.status == 503, "the code is still right, and no VM is free: {}", answer.text());

    fs::write(&file, "provider: local\n")?;
    allocator.read_again()?;
    eventually("nothing to be left to tell", SOON, async || {
        let told = shows(&allocator, "/admin", "configuration was read again").await?;
        Ok((!told && !shows(&allocator, "/", "Access code").await?).then_some(()))
    })
    .await?;
    allocator.stop().await?;
    Ok(())
}
