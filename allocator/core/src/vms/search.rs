use std::fmt::Write;

use super::{State, Vm, list};
use crate::{DbError, Scope, db::like::containing, text_enum::text_enum};

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
        condition += " and (vm.hostname ilike $2 or claim.email ilike $2)";
    }
    if let Some(state) = search.state {
        let _infallible = write!(condition, " and vm.state = '{state}'");
    }
    let joined = "vm left join vm_presence on vm_presence.vm_id = vm.id
                     left join claim on claim.id = vm.claim_id";
    let sql = format!(
        "with wanted as (
             select id, row_number() over () as place from (
                 select vm.id
                 from vm left join vm_presence on vm_presence.vm_id = vm.id
                      left join claim on claim.id = vm.claim_id
                 where {condition} and $2::text is not null
                 order by {order} offset $3 limit $4
             ) as page
         )
         {select} from {joined} join wanted on wanted.id = vm.id order by wanted.place",
        order = search.sort.sql(),
        select = list::COLUMNS,
    );
    let pattern = containing(&search.text);
    let client = scope.client().await?;
    let statement = client.prepare_cached(&sql).await?;
    let rows = client
        .query(&statement, &[&scope.pool.as_i64(), &pattern, &search.from, &search.limit])
        .await?;
    let count = format!(
        "select count(*) from {joined}
         where {condition} and $2::text is not null"
    );
    let statement = client.prepare_cached(&count).await?;
    let total = client.query_one(&statement, &[&scope.pool.as_i64(), &pattern]).await?;
    Ok(Found {
        vms: rows.iter().map(list::vm).collect::<Result<_, _>>()?,
        total: total.try_get(0)?,
    })
}
