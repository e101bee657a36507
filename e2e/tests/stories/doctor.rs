//! Deployments with one broken layer each, and the layer that the allocator names.

use anyhow::{Context, Result, ensure};
use lablink_e2e::{Allocator, Deployment};

/// The code that is named first; none: nothing is broken.
async fn named(allocator: &Allocator) -> Result<Option<String>> {
    let report = allocator.organiser()?.get("/api/doctor").await?.expect(200)?.json()?;
    let checks = report["checks"].as_array().context("no checks")?;
    let broken = checks.iter().find(|check| check["state"] == "broken");
    Ok(broken.map(|check| check["code"].as_str().unwrap_or_default().to_owned()))
}

#[tokio::test]
async fn each_broken_layer_is_named() -> Result<()> {
    let deployment = Deployment::with_config("provider: local\n")?;
    let allocator = deployment.start().await?;
    ensure!(named(&allocator).await?.is_none(), "nothing is broken at first");

    deployment.put_before("terraform", "[ \"$1\" = version ] && PATH=${PATH#*:} exec terraform \"$@\"\necho 'no registry' >&2; exit 1")?;
    ensure!(named(&allocator).await?.as_deref() == Some("providers"));
    deployment.put_before("terraform", "echo '{\"terraform_version\": \"1.4.6\"}'")?;
    ensure!(named(&allocator).await?.as_deref() == Some("terraform"), "too old");
    allocator.stop().await?;
    Ok(())
}

#[tokio::test]
async fn a_way_that_leads_nowhere_is_named() -> Result<()> {
    for (url, code) in [("http://lablink.invalid", "name"), ("http://127.0.0.1:1", "port")] {
        let mut deployment = Deployment::with_config("provider: manual\n")?;
        deployment.set("ALLOCATOR_FQDN", url);
        let allocator = deployment.start().await?;
        ensure!(named(&allocator).await?.as_deref() == Some(code), "{url}");
        allocator.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_disk_without_room_is_named() -> Result<()> {
    let config = "provider: manual\ncollect: {free_gigabytes: 4000000}\n";
    let deployment = Deployment::with_config(config)?;
    let allocator = deployment.start().await?;
    ensure!(named(&allocator).await?.as_deref() == Some("disk"));
    allocator.stop().await?;
    Ok(())
}
