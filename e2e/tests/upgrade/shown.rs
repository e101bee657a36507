//! What the old one shows while events and operations of the new one exist.

use anyhow::{Result, ensure};
use lablink_e2e::Allocator;

const WHOLE: [&str; 8] = [
    "/admin/instances",
    "/admin/participants",
    "/admin/operations?kind=launch",
    "/admin/results",
    "/admin/log",
    "/api/events",
    "/api/vms",
    "/metrics",
];
/// They list operations of any kind.
const LISTS: [&str; 3] = ["/admin", "/admin/operations", "/api/operations"];

/// As long as it knows all kinds of operations.
pub async fn everything(old: &Allocator) -> Result<()> {
    all_are_answered(old, WHOLE.iter().chain(&LISTS)).await
}

/// An older version can't list a kind that it does not know (docs/operators.md, *Upgrading*).
/// Nothing else breaks.
pub async fn all_but_unknown_kinds(old: &Allocator) -> Result<()> {
    all_are_answered(old, &WHOLE).await?;
    for path in LISTS {
        eprintln!("the old {path} answers {} after a reboot", status(old, path).await?);
    }
    Ok(())
}

async fn all_are_answered(
    old: &Allocator,
    paths: impl IntoIterator<Item = &&'static str>,
) -> Result<()> {
    for path in paths {
        let status = status(old, path).await?;
        ensure!(status == 200, "the old {path} answers {status}");
    }
    Ok(())
}

async fn status(old: &Allocator, path: &str) -> Result<u16> {
    let is_page = path.starts_with("/admin");
    let caller = if is_page { old.organisers_browser()? } else { old.organiser()? };
    Ok(caller.get(path).await?.status)
}
