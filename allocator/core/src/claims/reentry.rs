use jiff::Timestamp;
use lablink_protocol::Hostname;
use serde::{Deserialize, Serialize};

use super::ClaimId;
use crate::{
    Db, DbError, Token, db,
    events::{self, Event},
    once::{Asker, Sent},
    pools::PoolId,
};

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
pub async fn reentries(db: &Db, pool: PoolId) -> Result<Vec<Reentry>, DbError> {
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
    let rows = db.client().await?.query(sql, &[&pool.as_i64()]).await?;
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

/// A new way into an open claim, for the organiser to hand on.
#[derive(Debug)]
pub struct NewLink {
    pub link: Token,
    pub email: String,
    pub hostname: Hostname,
}

/// What is stored of it: the link follows from the wish's key.
#[derive(Serialize, Deserialize)]
struct Issued {
    email: String,
    hostname: Hostname,
}

const LINK: &str = "new link";

/// Makes another link of an open claim; those from before stay good. None: it is over.
pub async fn issue_link(
    db: &Db,
    pool: PoolId,
    asker: impl Into<Asker>,
    claim_id: ClaimId,
) -> Result<Option<NewLink>, DbError> {
    let asker = asker.into();
    crate::db::again!(async {
        let mut client = db.client().await?;
        let transaction = client.transaction().await?;
        if let Sent::Again(Issued { email, hostname }) = asker.sent(&transaction, pool).await? {
            return Ok(Some(NewLink { link: asker.token(LINK), email, hostname }));
        }
        let sql = "select claim.email, vm.hostname, pg_notify('vm_changed', vm.hostname)::text
                   from claim join vm on vm.id = claim.vm_id
                   where claim.pool_id = $1 and claim.id = $2 and claim.released_at is null
                   for key share of claim";
        let Some(row) = transaction.query_opt(sql, &[&pool.as_i64(), &claim_id]).await? else {
            return Ok(None);
        };
        let link = asker.token(LINK);
        super::page::add_link(&transaction, link.hash(), claim_id).await?;
        let event = Event { claim_id: Some(claim_id), ..Event::new(&asker.actor, "claim.link_issued") };
        events::record(&transaction, pool, event).await?;
        let issued =
            Issued { email: row.try_get("email")?, hostname: db::word(&row, "hostname")? };
        asker.keep(&transaction, pool, &issued).await?;
        transaction.commit().await?;
        Ok(Some(NewLink { link, email: issued.email, hostname: issued.hostname }))
    })
}
