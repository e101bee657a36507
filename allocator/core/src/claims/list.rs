use jiff::Timestamp;
use lablink_protocol::Hostname;
use tokio_postgres::types::ToSql;

use super::{ClaimState, ReleaseReason};
use crate::{DbError, Scope, db, ids::ClaimId, of_name::of_name};

/// A claim as history tells it: without its secrets.
#[derive(Clone, Debug)]
pub struct ClaimRecord {
    pub id: ClaimId,
    pub email: String,
    pub hostname: Hostname,
    /// How far connecting has come, or had come at the end.
    pub state: ClaimState,
    pub detail: Option<String>,
    pub created_at: Timestamp,
    pub ended: Option<Ended>,
}

#[derive(Clone, Copy, Debug)]
pub struct Ended {
    pub at: Timestamp,
    pub reason: ReleaseReason,
}

/// Which claims a list is to show.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    All,
    Open,
    /// Those of the VMs of this name, today's and earlier ones.
    OfVm(&'a Hostname),
}

/// The newest `limit` of these claims, newest first, and only those before claim `before` if given.
pub async fn list(
    scope: &Scope,
    which: Which<'_>,
    before: Option<ClaimId>,
    limit: i64,
) -> Result<Vec<ClaimRecord>, DbError> {
    let (ids, hostname) = match which {
        Which::All => {
            let all = "select id from claim where pool_id = $1 and id < $2 order by id desc";
            (all.to_owned(), None)
        }
        Which::Open => {
            // Sorted as its index has it, so that no other one seems as good. The lowest number has
            // no negative.
            let open = "select id from claim
                        where pool_id = $1 and released_at is null
                          and -id > -greatest($2::bigint, 0)
                        order by -id";
            (open.to_owned(), None)
        }
        Which::OfVm(hostname) => {
            let of_each = format!(
                "select its.id from {} cross join lateral (
                     select id from claim where claim.vm_id = named.id and id < $2
                     order by id desc limit {limit}
                 ) as its order by id desc",
                of_name("$3")
            );
            (of_each, Some(hostname.as_str()))
        }
    };
    // The planner has to know the limit. Each claim is looked up: a join would walk to its page through
    // all that are newer.
    let sql = format!(
        "select claim.id, claim.email, claim.state, claim.detail, claim.created_at,
                claim.released_at, claim.release_reason, vm.hostname
         from ({ids} limit {limit}) as newest
              cross join lateral (select * from claim where id = newest.id limit 1) as claim
              cross join lateral (select hostname from vm where id = claim.vm_id limit 1) as vm
         order by newest.id desc"
    );
    let client = scope.client().await?;
    let (pool, before) = (scope.pool.as_i64(), before.unwrap_or(ClaimId::from(i64::MAX)));
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&pool, &before];
    values.extend(hostname.iter().map(|it| it as &(dyn ToSql + Sync)));
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &values).await?;
    rows.iter()
        .map(|row| {
            let at: Option<Timestamp> = row.try_get("released_at")?;
            let reason: Option<ReleaseReason> = db::optional_word(row, "release_reason")?;
            Ok(ClaimRecord {
                id: row.try_get("id")?,
                email: row.try_get("email")?,
                hostname: db::word(row, "hostname")?,
                state: db::word(row, "state")?,
                detail: row.try_get("detail")?,
                created_at: row.try_get("created_at")?,
                ended: at.zip(reason).map(|(at, reason)| Ended { at, reason }),
            })
        })
        .collect()
}
