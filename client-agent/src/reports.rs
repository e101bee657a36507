use std::time::Duration;

use rand::RngExt as _;
use tracing::{error, info};

use crate::{api::Api, call_error::CallError, retry};

/// When an allocator that refuses a report is asked again: it may know this VM by then.
const AFTER_REFUSAL: Duration = Duration::from_secs(30);

/// Tells that the VM runs, until the allocator has taken it.
pub async fn running(api: &Api) {
    let report = || api.report_running();
    while let Err(refusal) = retry::until_answered("reporting 'running'", report).await {
        pause_after(&refusal).await;
    }
    info!("reported as running");
}

/// Tells that the agent lives, for ever, as often as the allocator asks for it.
pub async fn heartbeats(api: &Api) {
    let beat = || api.heartbeat();
    loop {
        match retry::until_answered("the heartbeat", beat).await {
            Ok(interval) => tokio::time::sleep(jittered(interval)).await,
            Err(refusal) => pause_after(&refusal).await,
        }
    }
}

async fn pause_after(refusal: &CallError) {
    error!("the allocator refuses a report of this VM: {}", refusal.chain());
    tokio::time::sleep(AFTER_REFUSAL).await;
}

/// `interval`, give or take a tenth, so that agents started together drift apart.
fn jittered(interval: Duration) -> Duration {
    interval.max(Duration::from_secs(1)).mul_f64(rand::rng().random_range(0.9..=1.1))
}
