//! Who uses LabLink while it is broken: participants, organisers, VMs that send their logs.

mod client;
mod dice;
mod line;
mod log_sender;
mod manual;
mod organiser;
mod participant;
mod person;
pub mod prober;
pub mod sampler;

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use tokio::{sync::watch, task::JoinSet};

pub use self::{
    client::{As, Body, Client},
    dice::Dice,
};
use crate::world::World;

/// How far the run has come: everybody looks at it before the next thing they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Busy,
    /// Nobody asks for anything new; who waits looks on.
    Calm,
    Over,
}

/// What everybody who uses it has at hand.
#[derive(Clone)]
pub struct Lab {
    pub client: Client,
    pub phase: watch::Receiver<Phase>,
    /// How many VMs the organisers keep.
    pub vms: usize,
}

impl Lab {
    pub fn is(&self, phase: Phase) -> bool {
        *self.phase.borrow() == phase
    }

    /// Waits, unless the phase changes first.
    pub async fn pause(&mut self, for_as_long_as: Duration) {
        let changed = tokio::time::timeout(for_as_long_as, self.phase.changed());
        let _either = changed.await;
    }
}

/// Starts everybody. They end with the phase `Over`.
pub fn start(world: &Arc<World>, lab: &Lab, seed: u64) -> Result<JoinSet<()>> {
    let mut everybody = JoinSet::new();
    // More people than machines, so that there is a line.
    for number in 0..(lab.vms * 2) {
        let dice = Dice::new(seed, "participant", number);
        everybody.spawn(participant::live(lab.clone(), number, dice));
    }
    let manual = manual::Desks::new(Arc::clone(world))?;
    for number in 0..2 {
        let dice = Dice::new(seed, "organiser", number);
        everybody.spawn(organiser::work(lab.clone(), manual.clone(), dice));
    }
    let vms = world.folder.join("vms");
    everybody.spawn(log_sender::send_logs(lab.clone(), vms, Dice::new(seed, "forwarder", 0)));
    Ok(everybody)
}
