use jiff::Timestamp;
use lablink_protocol::Hostname;

use crate::{DbError, Scope, db, ids::ClaimId};

/// Somebody knew the e-mail of a claim and nothing more: its participant without the link, or a
/// stranger. The organiser decides.
#[derive(Clone, Debug)]
pub struct Reentry {
    pub claim_id: ClaimId,
    pub email: String,
    pub hostname: Hostname,
    /// How often since the last new link.
    pub asked: i64,
    pub last_asked_at: Timestamp,
}

/// Requests to get back in that no new link has answered, the newest first.
pub async fn reentries(scope: &Scope) -> Result<Vec<Reentry>, DbError> {
    let sql = "select claim.id, claim.email, vm.hostname, claim.reentries::bigint as asked,
                      claim.reentry_at as last
               from claim join vm on vm.id = claim.vm_id
               where claim.pool_id = $1 and claim.reentry_at is not null
                 and claim.released_at is null
               order by claim.reentry_at desc limit 200";
    let rows = scope.client().await?.query(sql, &[&scope.pool.as_i64()]).await?;
    rows.iter()
        .map(|row| {
            Ok(Reentry {
                claim_id: row.try_get("id")?,
                email: row.try_get("email")?,
                hostname: db::word(row, "hostname")?,
                asked: row.try_get("asked")?,
                last_asked_at: row.try_get("last")?,
            })
        })
        .collect()
}
