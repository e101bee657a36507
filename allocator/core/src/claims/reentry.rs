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
    let sql = "select claim.id, claim.email, vm.hostname, count(*) as asked, max(event.at) as last
               from event join claim on claim.id = event.claim_id join vm on vm.id = claim.vm_id
               where event.pool_id = $1 and event.kind = 'claim.reentry_requested'
                 and claim.released_at is null
                 and not exists (
                     select from event as answer
                     where answer.claim_id = claim.id and answer.kind = 'claim.link_issued'
                       and answer.id > event.id
                 )
               group by claim.id, claim.email, vm.hostname
               order by last desc limit 200";
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
