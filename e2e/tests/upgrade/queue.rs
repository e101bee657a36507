use anyhow::{Context, Result, ensure};
use lablink_e2e::Allocator;
use tokio_postgres::NoTls;

use crate::lab::UpgradeLab;

/// Enough that the old worker, which looks every few seconds and when it hears of something, comes
/// upon some of them.
const REBOOTS: usize = 4;

pub async fn succeeds(allocator: &Allocator, operation: i64, which: &str) -> Result<()> {
    let ended = allocator.until_ended(operation).await?;
    ensure!(ended["state"] == "succeeded", "operation {operation}, {which}: {ended}");
    eprintln!("operation {operation}, {which}: {}", ended["state"]);
    Ok(())
}

/// What is asked for at one of them can be cancelled at the other, and is carried out by either.
pub async fn is_shared(lab: &UpgradeLab, old: &Allocator, new: &Allocator) -> Result<()> {
    lab.gate.close()?;
    let first = old.launch(1).await?;
    lab.gate.somebody_waits().await?;
    let (of_old, of_new) = (old.launch(1).await?, new.launch(1).await?);
    let last = new.launch(1).await?;
    for (id, at) in [(of_old, new), (of_new, old)] {
        let path = format!("/api/operations/{id}/cancel");
        at.organiser()?.post_form(&path, &[]).await?.expect(202)?;
        for allocator in [old, new] {
            let ended = allocator.until_ended(id).await?;
            ensure!(ended["state"] == "cancelled", "operation {id}: {ended}");
        }
    }
    eprintln!("a queued operation of each was cancelled at the other");
    lab.gate.open()?;
    succeeds(new, first, "asked for at the old one").await?;
    succeeds(old, last, "asked for at the new one").await
}

/// Asks without waiting for its end, as a browser does. Answers the operation's id.
pub async fn ask_to_reboot(allocator: &Allocator, hostname: &str) -> Result<i64> {
    let path = format!("/api/vms/{hostname}/reboot");
    let sent = allocator.organisers_browser()?.post_form(&path, &[]).await?.expect(303)?;
    let page = sent.header("location")?;
    let id = page.strip_prefix("/admin/operations/").with_context(|| format!("sent to {page}"))?;
    Ok(id.parse()?)
}

/// The old one does not know this kind: it takes none of them, and goes on with what it knows.
pub async fn reboots_are_left_to_the_new_one(
    lab: &UpgradeLab,
    old: &Allocator,
    new: &Allocator,
    hostname: &str,
) -> Result<()> {
    let path = format!("/api/vms/{hostname}/reboot");
    let organiser = new.organiser()?;
    for _ in 0..REBOOTS {
        organiser.post_form(&path, &[]).await?.expect(200)?;
    }
    let mut config = tokio_postgres::Config::new();
    config.host_path(lab.deployment.postgres_socket()?).user("lablink").dbname("lablink_db");
    let (database, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    let sql = "select id, state, attempt, reason from operation where kind = 'reboot'";
    let rows = database.query(sql, &[]).await?;
    ensure!(rows.len() == REBOOTS, "{} reboots are written down", rows.len());
    for row in &rows {
        let (id, state, attempt): (i64, String, i32) =
            (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let reason: Option<String> = row.try_get(3)?;
        ensure!(state == "succeeded" && attempt == 1, "{id}: {state}, {attempt}: {reason:?}");
    }
    eprintln!("{REBOOTS} reboots asked for at the new one ended well at the first attempt");
    succeeds(new, old.launch(1).await?, "asked for at the old one after the reboots").await
}
