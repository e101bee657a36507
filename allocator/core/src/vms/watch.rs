//! Points out silent VMs: those that never report, and those that fall silent. It does nothing to
//! them: the organiser decides.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{counts, overdue, silent};
use crate::{DbError, Scope, events::Change};

/// How long a VM may be silent before it is pointed out.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long an agent that sends heartbeats may be silent (`health.suspect_after`).
    pub suspect_after: Duration,
    /// How long a machine may take to start, at most (`health.overdue_after`): less where earlier
    /// starts took less.
    pub overdue_after: Duration,
}

/// Looks for silent VMs.
pub struct Watch {
    scope: Scope,
    limits: Limits,
    /// A longer pause between two looks means that no agent could be heard.
    pause: Duration,
    hearing: Mutex<Hearing>,
}

impl Watch {
    /// A watch that looks about this often.
    pub fn new(scope: Scope, limits: Limits, every: Duration) -> Self {
        let hearing = Mutex::new(Hearing::from(Instant::now()));
        Self { scope, limits, pause: every * 4, hearing }
    }

    /// Looks once. Returns how many VMs were pointed out.
    pub async fn look(&self) -> Result<u64, DbError> {
        let heard_for = self.hearing().at(Instant::now(), self.pause);
        notice(&self.scope).await?;
        let found = if heard_for < self.limits.suspect_after {
            0
        } else {
            point_out(&self.scope, self.limits).await?
        };
        self.hearing().last = Instant::now();
        Ok(found)
    }

    fn hearing(&self) -> MutexGuard<'_, Hearing> {
        self.hearing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Since when agents could be heard here. While this process or the database was away none could,
/// and their silence says nothing about them.
struct Hearing {
    since: Instant,
    last: Instant,
}

impl From<Instant> for Hearing {
    fn from(start: Instant) -> Self {
        Self { since: start, last: start }
    }
}

impl Hearing {
    /// For how long they could be heard without a pause longer than `pause`.
    fn at(&mut self, now: Instant, pause: Duration) -> Duration {
        if now.duration_since(self.last) > pause {
            self.since = now;
        }
        now.duration_since(self.since)
    }
}

/// Brings the states of VMs up to date with time, and folds their counts. Returns how many VMs
/// became stale or are heard again.
pub async fn keep_states(scope: &Scope) -> Result<u64, DbError> {
    let mut client = scope.client().await?;
    counts::fold(&client, &scope.pool).await?;
    silent::mark(scope, &mut client).await
}

/// Notes which machines start now, and which agents are silent or heard again.
pub async fn notice(scope: &Scope) -> Result<(), DbError> {
    let mut client = scope.client().await?;
    overdue::note_begun(&client, &scope.pool).await?;
    silent::mark(scope, &mut client).await?;
    Ok(())
}

/// Points out VMs that have become overdue or suspect, each once in all allocators. Returns how
/// many.
pub async fn point_out(scope: &Scope, limits: Limits) -> Result<u64, DbError> {
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    overdue::point_out(&mut change, limits.overdue_after).await?;
    silent::point_out(&mut change, limits.suspect_after).await?;
    let found = change.told();
    change.commit().await?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_counts_only_while_somebody_could_be_heard() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut hearing = Hearing::from(start);
        for round in 1..=40 {
            assert_eq!(hearing.at(start + second * 5 * round, second * 20), second * 5 * round);
            hearing.last = start + second * 5 * round;
        }
        // The database is away for a minute: rounds fail, and the first good one begins anew.
        let back = start + second * 260;
        assert_eq!(hearing.at(back, second * 20), Duration::ZERO);
        hearing.last = back;
        assert_eq!(hearing.at(back + second * 5, second * 20), second * 5);
    }
}
