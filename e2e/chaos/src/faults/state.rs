//! Terraform's state is lost, damaged, or another one; later somebody puts the right one back.

use std::{
    fs::File,
    io::{Read, Seek, SeekFrom, Write},
    path::Path,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use nix::{
    fcntl::{FcntlArg, fcntl},
    libc,
};
use serde_json::Value;

use super::{Done, Told};
use crate::{
    history::Hits,
    plan::{Kind, Planned},
    world::World,
};

/// How many states of the past are kept.
const KEPT: usize = 30;
const PATIENCE: Duration = Duration::from_secs(20);

/// Keeps what the state was, to roll back to.
#[derive(Default)]
pub struct Keeper {
    past: Mutex<Vec<Vec<u8>>>,
    /// Held while the state is not what it should be.
    trouble: tokio::sync::Mutex<()>,
}

impl Keeper {
    /// Remembers the state that there is, if it is whole.
    pub fn look(&self, world: &World) {
        let Ok(text) = std::fs::read(world.state_file()) else { return };
        let whole = serde_json::from_slice::<Value>(&text).is_ok();
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        if whole && past.last() != Some(&text) {
            past.push(text);
            if past.len() > KEPT {
                past.remove(0);
            }
        }
    }

    pub async fn spoil(&self, world: &World, planned: &Planned) -> Done {
        let Ok(_trouble) = self.trouble.try_lock() else { return Ok(None) };
        let path = world.state_file();
        let Some(mut held) = Held::take(&path).await? else { return Ok(None) };
        let right = held.read()?;
        let Ok(state) = serde_json::from_slice::<Value>(&right) else { return Ok(None) };
        let spoilt = match planned.kind {
            Kind::StateEmpty => Some(Vec::new()),
            Kind::StateCutOff => {
                Some(right[..right.len() * (planned.choice % 90 + 5) / 100].into())
            }
            Kind::StateRollBack => self.earlier(&right, planned.choice),
            _ => foreign(state),
        };
        let Some(spoilt) = spoilt else { return Ok(None) };
        held.write(&spoilt)?;
        drop(held);
        tokio::time::sleep(planned.lasts()).await;

        let Some(mut held) = Held::take(&path).await? else {
            return Ok(Some(Told::new(Hits::Operations, "not put back: it was in use")));
        };
        let is_still_spoilt = held.read()? == spoilt;
        if is_still_spoilt {
            held.write(&right)?;
        }
        let note =
            if is_still_spoilt { "put back as it had been" } else { "another one had come since" };
        Ok(Some(Told::new(Hits::Operations, note)))
    }

    fn earlier(&self, now: &[u8], choice: usize) -> Option<Vec<u8>> {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let other: Vec<&Vec<u8>> = past.iter().filter(|state| *state != now).collect();
        let chosen = choice.checked_rem(other.len())?;
        Some(other[chosen].clone())
    }
}

/// A whole state of another history, without our VMs.
fn foreign(mut state: Value) -> Option<Vec<u8>> {
    state["lineage"] = "11111111-2222-3333-4444-555555555555".into();
    state["resources"] = Value::Array(Vec::new());
    serde_json::to_vec_pretty(&state).ok()
}

/// The state's file, locked as Terraform locks it: no run of it is in the middle of anything.
struct Held(File);

impl Held {
    /// None: there is no state, or it is in use for too long.
    async fn take(path: &Path) -> Result<Option<Self>> {
        let Ok(file) = File::options().read(true).write(true).open(path) else { return Ok(None) };
        let lock = libc::flock {
            l_type: libc::F_WRLCK.try_into()?,
            l_whence: libc::SEEK_SET.try_into()?,
            l_start: 0,
            l_len: 0,
            l_pid: 0,
        };
        let deadline = Instant::now() + PATIENCE;
        while fcntl(&file, FcntlArg::F_SETLK(&lock)).is_err() {
            if Instant::now() > deadline {
                return Ok(None);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Some(Self(file)))
    }

    fn read(&mut self) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        self.0.seek(SeekFrom::Start(0))?;
        self.0.read_to_end(&mut text)?;
        Ok(text)
    }

    /// In place, as Terraform does: others may have it open.
    fn write(&mut self, text: &[u8]) -> Result<()> {
        self.0.set_len(0)?;
        self.0.seek(SeekFrom::Start(0))?;
        self.0.write_all(text).context("cannot write the state")
    }
}
