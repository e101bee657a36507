use anyhow::Result;
use clap::Args;
use lablink_protocol::organisers::{OperationBody, OperationList, PoolBody};
use serde::Serialize;

use crate::{
    output::{Output, table},
    server::Connection,
};

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  lablink status
  lablink status --json | jq .pool.free")]
pub struct Status {}

#[derive(Serialize)]
struct Told {
    server: String,
    pool: PoolBody,
    /// Those that wait or run.
    operations: Vec<OperationBody>,
}

impl Status {
    pub async fn run(self, connection: &Connection, output: &Output) -> Result<()> {
        let server = connection.open()?;
        // It says why, where it is not.
        let _ready: serde_json::Value = server.get("/readyz").await?;
        let pool = server.get("/api/pool").await?;
        let list: OperationList = server.get("/api/operations").await?;
        let is_open = |it: &OperationBody| it.finished_at.is_none();
        let operations = list.operations.into_iter().filter(is_open).collect();
        let told = Told { server: server.url().to_owned(), pool, operations };
        output.answer(&told, text)
    }
}

fn text(told: &Told) -> String {
    let running = told.operations.iter().map(|operation| {
        let OperationBody { operation_id, title, state, progress, .. } = operation;
        let far = format!("{} of {}", progress.done, progress.total);
        [operation_id.to_string(), state.clone(), far, title.clone()]
    });
    let mut text = format!("{} is ready.\n\n{}\n", told.server, counts(&told.pool));
    if !told.operations.is_empty() {
        text += &format!("\n{}\n", table(["OPERATION", "STATE", "DONE", ""], running));
    }
    text
}

/// The states that some VM is in, in words.
pub fn counts(pool: &PoolBody) -> String {
    let states = [
        (pool.free, "free"),
        (pool.offered, "kept for somebody in line"),
        (pool.claimed, "claimed"),
        (pool.in_use, "of them in use"),
        (pool.starting, "starting"),
        (pool.used, "used"),
        (pool.token_due, "taking a new token"),
        (pool.barred, "barred"),
        (pool.ending, "taken back by their cloud"),
        (pool.removing, "being removed"),
        (pool.failed, "in error"),
        (pool.unhealthy, "unhealthy"),
        (pool.overdue, "overdue"),
        (pool.stale, "silent"),
        (pool.suspect, "silent for long"),
    ];
    let rows = states.into_iter().filter(|(count, _)| *count > 0);
    let rows = rows.map(|(count, state)| [count.to_string(), state.to_owned()]);
    let waiting = format!("{} in line", pool.in_line);
    match pool.vms {
        0 => format!("No VMs, {waiting}."),
        vms => format!("{vms} VMs, {waiting}\n{}", table(["", ""], rows).trim_start_matches('\n')),
    }
}
