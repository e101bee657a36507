use super::State;
use std::sync::LazyLock;

use crate::{
    DbError, Scope,
    db::{self, GenericClient},
    pools::Pool,
    rows::WAITING,
};

/// The number of VMs by state, exact as of the last change and, for silence, of the last pass:
/// `sum`s of what was folded and of what has moved since, in one snapshot.
const COUNTED: &str = "counted as (
        select state, vms from vm_count where pool_id = $1
        union all select new_state, 1 from vm_move where pool_id = $1 and new_state is not null
        union all select left_state, -1 from vm_move where pool_id = $1 and left_state is not null
    )";

/// How many VMs a newcomer can claim right now: the number on the public page. VMs that the line
/// waits for do not count.
pub async fn free(scope: &Scope) -> Result<i64, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "with {COUNTED}, free as (
                 select greatest(0, coalesce(sum(vms), 0))::bigint as vms from counted
                 where state = 'free'
             )
             select vms - (select count(*) from (
                        select from place where pool_id = $1 and {WAITING}
                        limit (select vms from free)) as first_of_them)
             from free",
        )
    });
    let client = scope.client().await?;
    let statement = client.prepare_cached(&SQL).await?;
    Ok(client.query_one(&statement, &[&scope.pool.as_i64()]).await?.try_get(0)?)
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
    /// Their cloud takes them back.
    pub ending: i64,
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
        self.failed
            + self.unhealthy
            + silent
            + self.used
            + self.token_due
            + self.barred
            + self.ending
    }
}

pub async fn counts(scope: &Scope) -> Result<Counts, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!("with {COUNTED} select state, sum(vms)::bigint as vms from counted group by state")
    });
    let client = scope.client().await?;
    let statement = client.prepare_cached(&SQL).await?;
    let mut counts = Counts::default();
    for row in client.query(&statement, &[&scope.pool.as_i64()]).await? {
        let vms = row.try_get("vms")?;
        match row.try_get("state")? {
            IN_USE => counts.in_use = vms,
            _ => *counts.field(db::word(&row, "state")?) = vms,
        }
    }
    Ok(counts)
}

/// The word under which VMs in use are counted: a part of the claimed ones, and no [`State`].
const IN_USE: &str = "in_use";

impl Counts {
    /// How many VMs are in a state.
    pub fn of(mut self, state: State) -> i64 {
        *self.field(state)
    }

    /// How many VMs there are.
    pub fn all(self) -> i64 {
        State::ALL.iter().map(|state| self.of(*state)).sum()
    }

    fn field(&mut self, state: State) -> &mut i64 {
        match state {
            State::Free => &mut self.free,
            State::Offered => &mut self.offered,
            State::Claimed => &mut self.claimed,
            State::Starting => &mut self.starting,
            State::Used => &mut self.used,
            State::TokenDue => &mut self.token_due,
            State::Barred => &mut self.barred,
            State::Ending => &mut self.ending,
            State::Removing => &mut self.removing,
            State::Failed => &mut self.failed,
            State::Unhealthy => &mut self.unhealthy,
            State::Overdue => &mut self.overdue,
            State::Stale => &mut self.stale,
            State::Suspect => &mut self.suspect,
        }
    }
}

/// Adds what has moved to the counts, so that reading them stays quick. Allocators may do it at the
/// same time: each row is added once.
pub(super) async fn fold(client: &impl GenericClient, pool: &Pool) -> Result<(), DbError> {
    let sql = "with these as (
                   select ctid from vm_move where pool_id = $1 limit 20000 for update skip locked
               ), moved as (
                   delete from vm_move using these where vm_move.ctid = these.ctid
                   returning left_state, new_state
               ), sums as (
                   select state, sum(vms)::bigint as vms
                   from (select new_state, 1 from moved union all select left_state, -1 from moved)
                        as step(state, vms)
                   where state is not null group by state
               )
               insert into vm_count select $1, state, vms from sums order by state
               on conflict (pool_id, state) do update set vms = vm_count.vms + excluded.vms";
    let statement = client.prepare_cached(sql).await?;
    client.execute(&statement, &[&pool.as_i64()]).await?;
    Ok(())
}
