use std::fmt::Write;

use super::{Vm, list};
use crate::{DbError, Scope, db::like::containing, text_enum::text_enum};

text_enum! {
    /// The state of a VM in one word, worst first: what lists are filtered by.
    pub enum State {
        Removing = "removing",
        /// A dead token of its agent was shown: nobody gets it until an organiser says so.
        Barred = "barred",
        /// In error, or its state is unknown.
        Failed = "failed",
        Unhealthy = "unhealthy",
        /// Its machine was begun long ago, and its agent has not reported that it runs.
        Overdue = "overdue",
        Starting = "starting",
        /// A participant had it, and it was neither made anew nor cleaned since.
        Used = "used",
        /// Its agent is to take a new token since a claim has ended.
        TokenDue = "token_due",
        /// Its agent has been silent for so long that an organiser should look.
        Suspect = "suspect",
        /// Its agent has stopped, or has been silent for too long to hand the VM out.
        Stale = "stale",
        Claimed = "claimed",
        /// Kept for somebody in line.
        Offered = "offered",
        Free = "free",
    }
}

/// The state of a row of `vm`, with [`StaleAfter`] in seconds as `$2`. Each VM has exactly one.
pub(super) const STATE: &str = "case
    when vm.removing_at is not null then 'removing'
    when vm.barred_at is not null then 'barred'
    when vm.status in ('error', 'unknown') then 'failed'
    when vm.gpu = 'unhealthy' then 'unhealthy'
    when vm.status = 'initializing' and vm.claim_id is null and vm.overdue_at is not null
        then 'overdue'
    when vm.status = 'initializing' and vm.claim_id is null then 'starting'
    when vm.used_at is not null and vm.claim_id is null then 'used'
    when vm.token_due_at is not null and vm.claim_id is null then 'token_due'
    when exists (select from vm_presence where vm_presence.vm_id = vm.id
        and (vm_presence.stopped or vm_presence.last_seen <= vm.suspect_at))
        and vm.suspect_at is not null then 'suspect'
    when exists (select from vm_presence where vm_presence.vm_id = vm.id
        and (vm_presence.stopped
             or vm_presence.last_seen < now() - make_interval(secs => $2::float8))) then 'stale'
    when vm.claim_id is not null then 'claimed'
    when vm.place_id is not null then 'offered'
    else 'free' end";

text_enum! {
    /// What a list is sorted by.
    pub enum Sort {
        Number = "number",
        Name = "name",
        State = "state",
        Participant = "participant",
        LastSeen = "last_seen",
        Newest = "newest",
    }
}

impl Sort {
    fn sql(self) -> &'static str {
        match self {
            Self::Number => "vm.number nulls last, vm.id",
            Self::Name => "vm.hostname",
            // States that need attention come first.
            Self::State => "vm.state in ('free', 'claimed', 'offered'), vm.state, vm.number, vm.id",
            Self::Participant => "claim.email nulls last, vm.id",
            Self::LastSeen => "vm_presence.last_seen nulls first, vm.id",
            Self::Newest => "vm.id desc",
        }
    }
}

/// Which VMs are wanted, and in what order.
#[derive(Clone, Debug)]
pub struct Search {
    /// A part of the name or of the participant's e-mail; empty for all.
    pub text: String,
    pub state: Option<State>,
    pub sort: Sort,
    /// The index of the first VM to list, from 0.
    pub from: i64,
    pub limit: i64,
}

/// A page of VMs, and how many fit in all.
#[derive(Clone, Debug)]
pub struct Found {
    pub vms: Vec<Vm>,
    pub total: i64,
}

pub async fn search(scope: &Scope, search: &Search) -> Result<Found, DbError> {
    // Joins and states are computed only if asked for: a plain page of 10,000 VMs needs neither.
    let mut condition = String::from("vm.pool_id = $1 and vm.removed_at is null");
    if !search.text.is_empty() {
        condition += " and (vm.hostname ilike $3 or claim.email ilike $3)";
    }
    if let Some(state) = search.state {
        let _infallible = write!(condition, " and {STATE} = '{state}'");
    }
    let joined = "vm left join vm_presence on vm_presence.vm_id = vm.id
                     left join claim on claim.id = vm.claim_id";
    let state = if search.sort == Sort::State { STATE } else { "null" };
    let sql = format!(
        "with wanted as (
             select id, row_number() over () as place from (
                 select vm.id
                 from (select vm.*, {state} as state from vm where vm.pool_id = $1) as vm
                      left join vm_presence on vm_presence.vm_id = vm.id
                      left join claim on claim.id = vm.claim_id
                 where {condition} and $2::float8 is not null and $3::text is not null
                 order by {order} offset $4 limit $5
             ) as page
         )
         {select} from {joined} join wanted on wanted.id = vm.id order by wanted.place",
        order = search.sort.sql(),
        select = list::COLUMNS,
    );
    let pattern = containing(&search.text);
    let client = scope.client().await?;
    let statement = client.prepare_cached(&sql).await?;
    let stale_after = scope.pool.rules.machines.stale_after.as_seconds();
    let rows = client
        .query(
            &statement,
            &[&scope.pool.as_i64(), &stale_after, &pattern, &search.from, &search.limit],
        )
        .await?;
    let count = format!(
        "select count(*) from {joined}
         where {condition} and $2::float8 is not null and $3::text is not null"
    );
    let statement = client.prepare_cached(&count).await?;
    let total =
        client.query_one(&statement, &[&scope.pool.as_i64(), &stale_after, &pattern]).await?;
    Ok(Found {
        vms: rows.iter().map(list::vm).collect::<Result<_, _>>()?,
        total: total.try_get(0)?,
    })
}
