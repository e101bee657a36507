//! Looks at each allocator beside the load, so that it is known since when it serves; keeps the
//! load balancer informed; and starts what has ended by itself.

use std::{fs, sync::Arc, time::Duration};

use tokio::sync::watch;

use super::Phase;
use crate::{
    history::{Pressure, Probe},
    world::{Allocator, World},
};

const EVERY: Duration = Duration::from_millis(400);
const PATHS: [&str; 2] = ["/readyz", "/api/unassigned_vms_count"];

pub async fn probe(world: Arc<World>, allocator: Arc<Allocator>, phase: watch::Receiver<Phase>) {
    let recorder = &world.recorder;
    let mut turn = tokio::time::interval(EVERY);
    turn.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while *phase.borrow() != Phase::Over {
        turn.tick().await;
        if let Err(error) = allocator.keep().await {
            crate::report::say(&format!("an allocator can't be kept running: {error:#}"));
        }
        for path in PATHS {
            let at = recorder.now();
            let status = allocator.status_of(path).await;
            let (took, number) = (recorder.now() - at, allocator.number);
            recorder.history().probes.push(Probe { at, took, allocator: number, path, status });
            if path == PATHS[0] {
                allocator.is_ready(status == Some(200));
            }
        }
    }
}

/// How scarce processors are: what is late for want of one is nobody's fault.
pub async fn watch_pressure(world: Arc<World>, phase: watch::Receiver<Phase>) {
    while *phase.borrow() != Phase::Over {
        let at = world.recorder.now();
        if let Some(waited) = waited() {
            world.recorder.history().pressure.push(Pressure { at, waited });
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// proc(5): microseconds in which some process waited. Not every kernel tells.
fn waited() -> Option<i64> {
    let text = fs::read_to_string("/proc/pressure/cpu").ok()?;
    let total = text.lines().next()?.split_once("total=")?.1;
    Some(total.trim().parse::<i64>().ok()? / 1000)
}
