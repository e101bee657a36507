use std::time::Duration;

use anyhow::Result;
use clap::Args;
use lablink_protocol::organisers::{LogLine, LogPage};
use reqwest::Method;
use serde::Deserialize;
use tokio::time::sleep;

use crate::{
    output::Output,
    server::{Connection, Events, NoAnswer, Server, asking},
};

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  lablink logs lablink-vm-prod-3 -f
  lablink logs lablink-vm-prod-3 --search error --tail 500")]
pub struct Logs {
    hostname: String,
    /// Goes on with new lines, until Ctrl-C.
    #[arg(long, short)]
    follow: bool,
    /// How many lines from the end, from 1 to 5000.
    #[arg(long, default_value_t = 100, value_name = "LINES")]
    tail: u32,
    /// Only lines that hold this text.
    #[arg(long, value_name = "TEXT", conflicts_with = "follow")]
    search: Option<String>,
    /// Only lines from this moment on, such as 2026-03-01T09:00:00Z.
    #[arg(long, value_name = "TIME", conflicts_with = "follow")]
    since: Option<String>,
}

/// An event of the stream.
#[derive(Deserialize)]
struct Came {
    lines: Vec<LogLine>,
}

const BETWEEN: Duration = Duration::from_secs(2);

impl Logs {
    pub async fn run(self, connection: &Connection, output: &Output) -> Result<()> {
        let server = connection.open()?;
        let tail = self.tail.to_string();
        let wanted = [
            ("tail", Some(tail.as_str())),
            ("search", self.search.as_deref()),
            ("since", self.since.as_deref()),
        ];
        let path = format!("/api/vm-logs/{}", self.hostname);
        let page: LogPage = server.get(&asking(&path, &wanted)).await?;
        for line in &page.lines {
            output.one_of(line, text)?;
        }
        let mut last = page.lines.last().map_or(0, |line| line.id);
        if !self.follow {
            return Ok(());
        }
        loop {
            match follow(&server, output, &path, &mut last).await {
                // The allocator stopped, or is away for a moment.
                Err(error) if !error.is::<NoAnswer>() => return Err(error),
                _ => sleep(BETWEEN).await,
            }
        }
    }
}

/// Prints what comes after this line, until the stream ends.
async fn follow(server: &Server, output: &Output, path: &str, last: &mut i64) -> Result<()> {
    let path = asking(&format!("{path}/events"), &[("after", Some(&last.to_string()))]);
    let answer = server.open(server.request(Method::GET, &path)).await?;
    let mut events = Events::new(server.url(), answer);
    while let Some(data) = events.next().await? {
        let Came { lines } = serde_json::from_str(&data)?;
        for line in &lines {
            output.one_of(line, text)?;
            *last = line.id;
        }
    }
    Ok(())
}

fn text(line: &LogLine) -> String {
    format!("{} {}", line.at, line.line)
}
