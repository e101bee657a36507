//! How it is called: help, completion, logins, and what it ends with.

use std::{fs, os::unix::fs::PermissionsExt};

use anyhow::Result;
use lablink_e2e::Deployment;

use crate::lablink::Lablink;

#[tokio::test]
async fn every_command_shows_an_example_and_shells_complete_them() -> Result<()> {
    let lablink = Lablink::new()?;
    let help = lablink.call(&["--help"]).await?.well()?.out;
    let commands = help.split("Commands:").nth(1).and_then(|rest| rest.split("\n\n").next());
    let names: Vec<&str> = commands
        .unwrap_or_default()
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(names.len() >= 9, "{help}");
    let completion = lablink.call(&["completion", "bash"]).await?.well()?.out;
    for name in names {
        let help = lablink.call(&[name, "--help"]).await?.well()?.out;
        assert!(help.contains(&format!("lablink {name}")), "{help}");
        assert!(help.contains("Example:"), "{name} has no example: {help}");
        assert!(completion.contains(name), "{name}");
    }
    lablink.call(&["vms", "destroy"]).await?.ends(2)?;
    lablink.call(&["launch", "0"]).await?.ends(2)?;
    let said = lablink.call(&["status"]).await?.ends(2)?;
    assert!(said.err.contains("lablink login"), "{said:?}");
    Ok(())
}

#[tokio::test]
async fn a_login_is_checked_kept_for_its_owner_and_never_shown() -> Result<()> {
    let deployment = Deployment::with_config("provider: manual\n")?;
    let allocator = deployment.start().await?;
    let (url, password) = (allocator.url(""), deployment.admin_password()?);
    let lablink = Lablink::new()?;

    let wrong = lablink.fed(&["login", &url], "not-this-one").await?.ends(3)?;
    assert!(wrong.err.contains("does not know this login"), "{wrong:?}");
    assert!(!lablink.credentials().exists());

    let good = lablink.fed(&["login", &url], &format!("{password}\n")).await?.well()?;
    assert!(!good.out.contains(&password) && !good.err.contains(&password), "{good:?}");
    let mode = fs::metadata(lablink.credentials())?.permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(lablink.stored()?.contains(&password));
    lablink.call(&["status"]).await?.well()?;

    fs::set_permissions(lablink.credentials(), fs::Permissions::from_mode(0o644))?;
    let open = lablink.call(&["status", "--json"]).await?.ends(3)?;
    assert!(open.err.contains("chmod 600") && open.err.contains("\"refused\""), "{open:?}");
    fs::set_permissions(lablink.credentials(), fs::Permissions::from_mode(0o600))?;

    let plain = lablink.fed(&["login", "http://lab.invalid"], "x").await?.ends(3)?;
    assert!(plain.err.contains("plain HTTP"), "{plain:?}");
    allocator.stop().await?;
    let away = lablink.call(&["status"]).await?.ends(1)?;
    assert!(away.err.contains("no answer from"), "{away:?}");
    lablink.call(&["login", "--forget", &url]).await?.well()?;
    assert!(!lablink.stored()?.contains(&password));
    Ok(())
}
