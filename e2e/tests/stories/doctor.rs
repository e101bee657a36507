//! An allocator that others can't reach sees that itself. The other layers: `e2e/tests/cli/verify.rs`.

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
