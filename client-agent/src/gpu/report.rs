use std::time::Duration;

use lablink_protocol::GpuReading;
use tokio::sync::watch;
use tracing::{info, warn};

use super::{Card, Monitor, Sources, Verdict, settled::Settled};
use crate::allocator::{Api, backoff, retry::Trouble};

/// What heartbeats tell of the GPUs.
#[derive(Default)]
pub struct GpuVitals {
    pub driver: Option<String>,
    pub gpus: Option<Vec<GpuReading>>,
}

/// Looks at the GPUs, for ever: the verdict is reported at the start and on each change that
/// lasts, the readings go to `vitals`. A report that fails is made again with the next look.
pub async fn watch(api: &Api, sources: Sources, vitals: watch::Sender<GpuVitals>) {
    let interval = Duration::from_secs(sources.gpu_interval.get().into());
    let mut monitor = Monitor::new(sources);
    let mut trouble = Trouble::new("reporting the GPU");
    let mut settled = Settled::default();
    loop {
        let look = monitor.look().await;
        let gpus = look.cards.iter().map(reading).collect::<Vec<_>>();
        vitals.send_replace(GpuVitals {
            driver: look.driver,
            gpus: (!gpus.is_empty()).then_some(gpus),
        });
        if settled.is_due(&look.verdict) {
            match api.report_gpu(look.verdict.health, look.verdict.reason()).await {
                Ok(()) => {
                    trouble.is_over();
                    log(&look.verdict);
                    settled.report(look.verdict);
                }
                Err(error) => trouble.goes_on(&error),
            }
        }
        tokio::time::sleep(backoff::jittered(interval)).await;
    }
}

fn log(verdict: &Verdict) {
    let health = verdict.health.as_str();
    match verdict.reason() {
        None => info!(gpu.health = health, "GPU reported"),
        Some(reason) => warn!(gpu.health = health, "GPU reported: {reason}"),
    }
}

/// In whole percents and watts: noise would make every heartbeat news.
fn reading(card: &Card) -> GpuReading {
    let memory = card.memory.value();
    GpuReading {
        name: card.identity.value().map(|identity| identity.name.clone()),
        temperature_celsius: card.temperature.value().map(|temperature| temperature.now),
        utilization_percent: card.utilization.value().copied(),
        memory_percent: memory.and_then(|memory| crate::vitals::percent(memory.used, memory.total)),
        memory_total_bytes: memory.map(|memory| memory.total),
        power_watts: card.power.value().map(|milliwatts| milliwatts / 1000),
    }
}
