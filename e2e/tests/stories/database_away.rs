//! Postgres goes away while everybody works.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use lablink_e2e::{Caller, Deployment, eventually};
use nix::sys::signal::{Signal, kill};
use tokio::task::JoinSet;

const CALLERS: usize = 8;
/// An answer that took longer was kept waiting.
const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn traffic_gets_503_at_once_while_postgres_is_away_and_is_served_after() -> Result<()> {
    let deployment = Deployment::new()?;
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    let program = Arc::new(allocator.program()?);
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        callers.spawn(call(Arc::clone(&program)));
    }
    // Twice: the second time hits connections that were made after the first.
    for _ in 0..2 {
        let killed = deployment.postgres()?;
        kill(killed, Signal::SIGKILL)?;
        eventually("the service to be back", Duration::from_secs(20), async || {
            let other = deployment.postgres()? != killed;
            Ok((other && program.get("/readyz").await?.status == 200).then_some(()))
        })
        .await?;
    }
    let served = eventually("three good answers in a row", Duration::from_secs(20), async || {
        for _ in 0..3 {
            if program.get("/api/unassigned_vms_count").await?.status != 200 {
                return Ok(None);
            }
        }
        Ok(Some(()))
    });
    served.await?;
    // A caller that has ended by now has found something wrong.
    while let Some(ended) = callers.try_join_next() {
        ended??;
    }
    assert_eq!(callers.len(), CALLERS);
    callers.abort_all();
    let claimed = allocator.claim("pia@example.org", "4/pia").await?;
    deployment.machine(&claimed.hostname).has_connected("4/pia", &claimed.pin).await?;
    allocator.stop().await?;
    deployment.ensure_nothing_runs()
}

/// Calls without a pause until an answer is neither good nor an honest 503.
async fn call(program: Arc<Caller>) -> Result<()> {
    let mut statuses: BTreeMap<u16, u32> = BTreeMap::new();
    for path in ["/", "/api/unassigned_vms_count", "/readyz"].iter().cycle() {
        let asked = Instant::now();
        let answer = program.get(path).await?;
        ensure!(asked.elapsed() < PATIENCE, "{path} took {:?}", asked.elapsed());
        *statuses.entry(answer.status).or_default() += 1;
        match answer.status {
            200 => {}
            503 => {
                answer.header("retry-after")?;
            }
            other => anyhow::bail!("{path} answered {other}: {} ({statuses:?})", answer.body),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
