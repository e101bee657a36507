use jiff::Timestamp;
use lablink_protocol::Hostname;

use super::{ClaimState, ReleaseReason};
use crate::{DbError, Scope, db, ids::ClaimId};

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
    let (condition, hostname) = match which {
        Which::All => ("$2::text is null", None),
        Which::Open => ("$2::text is null and claim.released_at is null", None),
        Which::OfVm(hostname) => ("vm.hostname = $2", Some(hostname.as_str())),
    };
    let sql = format!(
        "select claim.id, claim.email, claim.state, claim.detail, claim.created_at,
                claim.released_at, claim.release_reason, vm.hostname
         from claim join vm on vm.id = claim.vm_id
         where claim.pool_id = $1 and {condition} and ($3::bigint is null or claim.id < $3)
         order by claim.id desc limit $4"
    );
    let client = scope.client().await?;
    let rows = client.query(&sql, &[&scope.pool.as_i64(), &hostname, &before, &limit]).await?;
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
