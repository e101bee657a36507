use std::{path::PathBuf, time::Duration};

use lablink_protocol::{Vitals, VmStatus};
use tokio::sync::watch;
use tracing::{error, info};

use crate::{
    allocator::{
        Api,
        backoff::jittered,
        retry::{self, Trouble},
    },
    cloud,
    gpu::GpuVitals,
    vitals::Sampler,
};

/// When an allocator that refuses a report is asked again: it may know this VM by then.
const AFTER_REFUSAL: Duration = Duration::from_secs(30);
/// How many heartbeats carry only what changed before one carries all: an allocator may have lost
/// what it was told.
const FULL_EVERY: u32 = 45;

/// Tells that the VM runs, until the allocator has taken it.
pub async fn running(api: &Api) {
    let report = || api.report_status(VmStatus::Running);
    while let Err(refusal) = retry::until_answered("reporting 'running'", report).await {
        error!("the allocator refuses a report of this VM: {}", refusal.chain());
        tokio::time::sleep(AFTER_REFUSAL).await;
    }
    info!("reported as running");
}

/// Tells that the agent lives, and what has changed of the machine, for ever, as often as the
/// allocator asks for it, and at once what the cloud announces. `settled`: what stays so for as long
/// as the agent runs.
pub async fn heartbeats(
    api: &Api,
    home: PathBuf,
    settled: &Vitals,
    gpus: watch::Receiver<GpuVitals>,
    mut notice: cloud::Newest,
) {
    let mut sampler = Sampler::new(home);
    let mut told = Vitals::default();
    let mut refusals = Trouble::new("the heartbeat");
    for beat in 0_u32.. {
        let Vitals { cleaning, token, desktop, .. } = settled.clone();
        let notice_now = notice.borrow_and_update().clone();
        let vitals = with_gpus(sampler.sample(), &gpus);
        let vitals = Vitals { cleaning, token, desktop, notice: notice_now, ..vitals };
        if beat.is_multiple_of(FULL_EVERY) {
            told = Vitals::default();
        }
        let changed = vitals.since(&told);
        match retry::until_answered("the heartbeat", || api.heartbeat(changed.clone())).await {
            Ok(interval) => {
                refusals.is_over();
                told = vitals;
                until_due(jittered(interval), &mut notice).await;
            }
            Err(refusal) => {
                // The original's allocator knows no heartbeats, and need not hear that again.
                refusals.goes_on(&refusal);
                tokio::time::sleep(AFTER_REFUSAL).await;
            }
        }
    }
}

/// Waits for the next heartbeat, or for the cloud's next announcement.
async fn until_due(interval: Duration, notice: &mut cloud::Newest) {
    tokio::select! {
        () = tokio::time::sleep(interval) => {}
        Ok(()) = notice.changed() => {}
    }
}

fn with_gpus(vitals: Vitals, gpus: &watch::Receiver<GpuVitals>) -> Vitals {
    let gpus = gpus.borrow();
    Vitals { gpu_driver: gpus.driver.clone(), gpus: gpus.gpus.clone(), ..vitals }
}
