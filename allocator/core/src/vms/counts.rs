use std::sync::LazyLock;

use super::{CLAIMABLE, State, search::STATE};
use crate::{DbError, Scope, db, rows::WAITING};

/// How many VMs a newcomer can claim right now: the number on the public page. VMs that the line
/// waits for do not count.
pub async fn free(scope: &Scope) -> Result<i64, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select greatest(0, (select count(*) from vm where pool_id = $1 and {CLAIMABLE})
                                  - (select count(*) from place where pool_id = $1 and {WAITING}))",
        )
    });
    let client = scope.client().await?;
    let statement = client.prepare_cached(&SQL).await?;
    let row = client
        .query_one(
            &statement,
            &[&scope.pool.as_i64(), &scope.pool.rules.machines.stale_after.as_seconds()],
        )
        .await?;
    Ok(row.try_get(0)?)
}

/// The pool at a glance. Each VM counts in exactly one field, except `in_use`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub free: i64,
    /// Kept for somebody in line.
    pub offered: i64,
    pub claimed: i64,
    /// A part of the claimed ones.
    pub in_use: i64,
    pub starting: i64,
    /// A participant had them, and they were neither made anew nor cleaned since.
    pub used: i64,
    /// Their agents are to take a new token since a claim has ended.
    pub token_due: i64,
    /// A dead token of theirs was shown.
    pub barred: i64,
    pub removing: i64,
    pub failed: i64,
    pub unhealthy: i64,
    pub overdue: i64,
    pub stale: i64,
    pub suspect: i64,
}

impl Counts {
    /// VMs that an organiser should look at.
    pub fn attention(&self) -> i64 {
        let silent = self.overdue + self.stale + self.suspect;
        self.failed + self.unhealthy + silent + self.used + self.token_due + self.barred
    }
}

pub async fn counts(scope: &Scope) -> Result<Counts, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select {STATE} as state, count(*) as vms,
                    count(*) filter (where claim_id is not null and in_use) as in_use
             from vm where pool_id = $1 and removed_at is null group by state"
        )
    });
    let client = scope.client().await?;
    let statement = client.prepare_cached(&SQL).await?;
    let mut counts = Counts::default();
    for row in client
        .query(
            &statement,
            &[&scope.pool.as_i64(), &scope.pool.rules.machines.stale_after.as_seconds()],
        )
        .await?
    {
        let vms = row.try_get("vms")?;
        counts.in_use += row.try_get::<_, i64>("in_use")?;
        match db::word(&row, "state")? {
            State::Free => counts.free = vms,
            State::Offered => counts.offered = vms,
            State::Claimed => counts.claimed = vms,
            State::Starting => counts.starting = vms,
            State::Used => counts.used = vms,
            State::TokenDue => counts.token_due = vms,
            State::Barred => counts.barred = vms,
            State::Removing => counts.removing = vms,
            State::Failed => counts.failed = vms,
            State::Unhealthy => counts.unhealthy = vms,
            State::Overdue => counts.overdue = vms,
            State::Stale => counts.stale = vms,
            State::Suspect => counts.suspect = vms,
        }
    }
    Ok(counts)
}
