//! An operation, followed while it goes on.

use std::time::Duration;

use anyhow::{Result, bail};
use lablink_protocol::organisers::OperationBody;
use reqwest::Method;
use tokio::time::sleep;

use crate::{
    output::{Output, Progress},
    server::{Events, NoAnswer, Server},
};

/// How often in a row a lost connection is sought again: an allocator that is replaced needs some
/// minutes.
const TRIES: u32 = 40;
const BETWEEN: Duration = Duration::from_secs(5);

/// Follows it, prints how it ended, and fails if it did not succeed.
pub async fn follow_to_its_end(server: &Server, output: &Output, id: i64) -> Result<()> {
    let ended = follow(server, output, id).await?;
    output.answer(&ended, |it| format!("{}: {}.", it.title, it.state))?;
    succeeded(&ended)
}

/// Follows it, and tells how it ended.
pub async fn follow(server: &Server, output: &Output, id: i64) -> Result<OperationBody> {
    output.note(&format!("Operation {id}: {}/admin/operations/{id}", server.url()));
    let progress = output.progress("Waiting");
    let mut tries = 0;
    loop {
        match watch(server, &progress, id).await {
            Ok(Some(ended)) => return Ok(ended),
            // The allocator stopped, and another one may come.
            Ok(None) => tries = 0,
            Err(error) if error.is::<NoAnswer>() && tries < TRIES => {
                progress.says("No answer. The operation may go on: asking again");
                tries += 1;
            }
            Err(error) => return Err(error),
        }
        sleep(BETWEEN.min(Duration::from_millis(500) * (tries + 1))).await;
    }
}

/// None: the stream ended before the operation did.
async fn watch(server: &Server, progress: &Progress, id: i64) -> Result<Option<OperationBody>> {
    let path = format!("/api/operations/{id}/events");
    let answer = server.open(server.request(Method::GET, &path)).await?;
    let mut events = Events::new(server.url(), answer);
    while let Some(data) = events.next().await? {
        let now: OperationBody = serde_json::from_str(&data)?;
        progress.says(&format!("{} ({})", now.title, now.state));
        let count = |count: i32| u64::try_from(count).unwrap_or(0);
        progress.counts(count(now.progress.done), count(now.progress.total));
        if now.finished_at.is_some() {
            return Ok(Some(now));
        }
    }
    Ok(None)
}

/// An error, unless it succeeded.
pub fn succeeded(ended: &OperationBody) -> Result<()> {
    if ended.state == "succeeded" {
        return Ok(());
    }
    let OperationBody { operation_id, state, .. } = ended;
    let reason = ended.reason.as_deref().unwrap_or("its log says why");
    bail!("operation {operation_id} ended as {state}: {reason}")
}
