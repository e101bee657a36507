//! Agents that wait for their claims.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{
    allocator::Allocator,
    connection::{Connection, Request},
};

/// So many ask before the next ones do: in one instant they would queue for the database.
const AT_ONCE: usize = 200;
const PATIENCE: Duration = Duration::from_secs(30);

/// Waiting agents of VMs, in the order of their names.
pub struct Agents(Vec<(String, Connection)>);

impl Agents {
    /// Who has asked for these VMs' claims, once all of them wait.
    pub async fn of(allocator: &Allocator, hostnames: Vec<String>) -> Result<Self> {
        let mut waiting = Vec::new();
        for hostname in hostnames {
            let mut connection = allocator.connect().await?;
            let question = json!({ "hostname": hostname });
            connection
                .send(&Request::post("/vm_startup", "Prefer: wait=50\r\n", &question))
                .await?;
            waiting.push((hostname, connection));
            if waiting.len() % AT_ONCE == 0 {
                all_wait(allocator, waiting.len()).await?;
            }
        }
        all_wait(allocator, waiting.len()).await?;
        Ok(Self(waiting))
    }

    /// Those of the first VMs.
    pub async fn of_first(allocator: &Allocator, count: u32) -> Result<Self> {
        Self::of(allocator, (1..=count).map(|nr| format!("lablink-vm-dev-{nr}")).collect()).await
    }

    pub fn first(&mut self) -> &mut Connection {
        &mut self.0[0].1
    }

    /// Each tells its name and when it had its claim.
    pub fn listen(self) -> JoinSet<Result<(String, Instant)>> {
        let mut told = JoinSet::new();
        for (hostname, mut connection) in self.0 {
            told.spawn(async move {
                connection.answer().await?.good()?;
                Ok((hostname, Instant::now()))
            });
        }
        told
    }
}

/// Raises the number of files that this program, and the allocators that it starts, may open.
pub fn allow_connections(count: u64) -> Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    ensure!(most > count + 500, "at most {most} files may be open: see ulimit -Hn");
    Ok(setrlimit(Resource::RLIMIT_NOFILE, most, most)?)
}

/// Until the allocator says that so many wait.
async fn all_wait(allocator: &Allocator, agents: usize) -> Result<()> {
    let settled = async {
        let mut connection = allocator.connect().await?;
        loop {
            let metrics = connection.get("/metrics", "").await?;
            let metrics = std::str::from_utf8(metrics.good()?)?;
            let waiters = metrics.lines().find_map(|line| line.strip_prefix("lablink_waiters "));
            if waiters.context("no lablink_waiters in /metrics")?.parse::<usize>()? >= agents {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, settled).await.context("not all agents wait")?
}
