//! Ctrl-C, and the signal by which services are ended. They end a command at once, but for a run of
//! Terraform: that hears of it, and comes to its end.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, anyhow};
use tokio::signal::unix::{SignalKind, signal};

/// Whether a run of Terraform takes them.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// While it lives, signals are for whoever has it.
pub struct Taken(());

impl Taken {
    pub fn take() -> Self {
        TAKEN.store(true, Ordering::SeqCst);
        Self(())
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        TAKEN.store(false, Ordering::SeqCst);
    }
}

/// How a command ends that was interrupted.
#[derive(Debug, thiserror::Error)]
#[error("interrupted: call the same again, and it goes on from here")]
pub struct Interrupted;

/// Does the work, unless a signal comes that nobody takes.
pub async fn or_interrupted(work: impl Future<Output = Result<()>>) -> Result<()> {
    let signals = async {
        let (mut interrupts, mut ends) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        loop {
            tokio::select! {
                _ = interrupts.recv() => {}
                _ = ends.recv() => {}
            }
            if !TAKEN.load(Ordering::SeqCst) {
                return Err(anyhow!(Interrupted));
            }
        }
    };
    tokio::select! {
        ended = work => ended,
        interrupted = signals => interrupted,
    }
}
