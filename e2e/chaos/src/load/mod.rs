//! The users of LabLink while it is broken: participants, organisers, VMs that send their logs.

mod client;
mod dice;
mod lab;
mod line;
mod log_sender;
mod manual;
mod organiser;
mod participant;
mod person;
pub mod prober;
pub mod sampler;

use std::sync::Arc;

use anyhow::Result;
use tokio::task::JoinSet;

pub use self::{
    client::{As, Body, Client},
    dice::Dice,
    lab::{ChaosLab, Phase},
};
use crate::world::World;

/// Starts everybody. They end with the phase `Over`.
pub fn start(world: &Arc<World>, lab: &ChaosLab, seed: u64) -> Result<JoinSet<()>> {
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
