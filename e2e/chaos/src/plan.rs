//! Which faults come when: all of it follows from the seed.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::load::Dice;

/// Something that is done to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    AllocatorKill,
    AllocatorStop,
    AllocatorFreeze,
    PostgresFast,
    PostgresImmediate,
    BackendsTerminate,
    NetworkStall,
    NetworkCut,
    NetworkVanish,
    TerraformKill,
    /// In the moment in which it writes its state.
    TerraformKillWriting,
    TerraformHang,
    StateEmpty,
    StateCutOff,
    StateRollBack,
    StateForeign,
    AgentKill,
    VmScriptHang,
}

/// What may happen in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// What every deployment meets: restarts and crashes.
    Mild,
    All,
}

impl Profile {
    pub fn kinds(self) -> Vec<Kind> {
        match self {
            Self::Mild => vec![
                Kind::AllocatorKill,
                Kind::AllocatorStop,
                Kind::PostgresFast,
                Kind::PostgresImmediate,
                Kind::BackendsTerminate,
                Kind::NetworkCut,
                Kind::AgentKill,
            ],
            Self::All => Kind::value_variants().to_vec(),
        }
    }

    /// Milliseconds between two faults: those that last overlap.
    fn gap(self) -> (u64, u64) {
        match self {
            Self::Mild => (1500, 4000),
            Self::All => (2000, 9000),
        }
    }
}

/// A fault to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// Milliseconds after the load has begun.
    pub at: u64,
    pub kind: Kind,
    /// Which allocator, where it is about one.
    pub allocator: usize,
    /// Milliseconds until the cause ends.
    pub lasts: u64,
    /// For what else there is to choose.
    pub choice: usize,
}

impl Planned {
    pub fn lasts(&self) -> Duration {
        Duration::from_millis(self.lasts)
    }
}

/// A cause that begins at the end of a run may still last so long.
const SHORT: u64 = 5000;

/// The faults of a run, in the order of their times.
pub fn make(
    seed: u64,
    kinds: &[Kind],
    profile: Profile,
    length: Duration,
    allocators: usize,
) -> Vec<Planned> {
    let mut dice = Dice::new(seed, "faults", 0);
    let (low, high) = profile.gap();
    let length = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    let mut plan = Vec::new();
    let mut at = dice.between(low, high);
    while at < length {
        let Some(kind) = dice.one_of(kinds).copied() else { break };
        let (shortest, longest) = lasting(kind);
        // The run does not wait long for the last ones.
        let lasts = dice.between(shortest, longest).min((length - at).max(SHORT));
        plan.push(Planned {
            at,
            kind,
            allocator: dice.below(allocators),
            lasts,
            choice: dice.below(1000),
        });
        at += dice.between(low, high);
    }
    plan
}

/// For how long a cause lasts, in milliseconds.
fn lasting(kind: Kind) -> (u64, u64) {
    match kind {
        Kind::AllocatorKill | Kind::AllocatorStop => (0, 4000),
        Kind::AllocatorFreeze => (1000, 40_000),
        Kind::PostgresFast | Kind::PostgresImmediate => (0, 3000),
        Kind::NetworkStall => (1000, 30_000),
        Kind::NetworkCut => (500, 8000),
        Kind::BackendsTerminate | Kind::NetworkVanish => (0, 0),
        // How long to wait for one that can be killed.
        Kind::TerraformKill | Kind::TerraformKillWriting => (8000, 15_000),
        Kind::TerraformHang | Kind::VmScriptHang => (40_000, 70_000),
        Kind::StateEmpty | Kind::StateCutOff | Kind::StateRollBack | Kind::StateForeign => {
            (5000, 20_000)
        }
        Kind::AgentKill => (500, 4000),
    }
}

/// A fault in each line, for people, and to be repeated with `--plan`.
pub fn write(plan: &[Planned], file: &Path) -> Result<()> {
    let lines: Result<Vec<String>, _> = plan.iter().map(serde_json::to_string).collect();
    Ok(fs::write(file, lines?.join("\n") + "\n")?)
}

pub fn read(file: &Path) -> Result<Vec<Planned>> {
    let text =
        fs::read_to_string(file).with_context(|| format!("no plan in {}", file.display()))?;
    let mut plan: Vec<Planned> =
        text.lines().map(serde_json::from_str).collect::<Result<_, _>>().context("no plan")?;
    plan.sort_by_key(|planned| planned.at);
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(seed: u64) -> Vec<Planned> {
        make(seed, &Profile::All.kinds(), Profile::All, Duration::from_secs(60), 3)
    }

    #[test]
    fn a_seed_is_a_plan() {
        assert_eq!(minute(4), minute(4));
        assert_ne!(minute(4), minute(5));
        assert!(minute(4).iter().all(|it| it.at < 60_000 && it.allocator < 3));
    }

    #[test]
    fn a_plan_that_was_written_is_read_again() {
        let file = tempfile::NamedTempFile::new().unwrap();
        write(&minute(9), file.path()).unwrap();
        assert_eq!(read(file.path()).unwrap(), minute(9));
    }

    #[test]
    fn a_long_run_meets_every_kind() {
        let kinds = Profile::All.kinds();
        let plan = make(1, &kinds, Profile::All, Duration::from_secs(1800), 3);
        for kind in kinds {
            assert!(plan.iter().any(|planned| planned.kind == kind), "{kind:?}");
        }
    }
}
