use lablink_protocol::{CrdCode, Hostname};

use super::assign::{Assigned, Held, Locked, NewClaim, NotAssigned, assign, held_by};
use super::page::set_command;
use crate::{
    Actor, Db, DbError, Email, Pin, Token,
    events::{self, Event},
    pools::PoolId,
    vms::StaleAfter,
};

/// What a participant asks for.
pub struct Request<'a> {
    pub email: &'a Email,
    pub code: &'a CrdCode,
    /// What the browser presents to show that an earlier claim is its own.
    pub proof: Option<Proof>,
    pub reclaim: Reclaim,
}

/// The token of a claim's link or cookie.
pub struct Proof(pub Token);

/// Whether the e-mail alone lets somebody back into their claim (`app.reclaim`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reclaim {
    Link,
    Email,
}

/// The participant's claim, new or their own from before.
#[derive(Debug)]
pub struct Granted {
    pub hostname: Hostname,
    pub pin: Pin,
    /// For the claim's unguessable page.
    pub link: Token,
    pub is_new: bool,
}

/// An expected 'no'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Somebody with this e-mail holds a VM, and the caller has not shown to be that person.
    AlreadyClaimed,
    NoneFree,
}

#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    #[error("refused")]
    Refused(Refusal),
    #[error("the claim could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(RequestError);

/// Gives the caller a VM, or their own one again.
///
/// The first try is the common case in one round trip. What it can't settle is decided by looking
/// closer: the person's own claim first, then the VMs that were locked at that moment. A claim
/// that ends in between (a release) is tried for again.
pub async fn request(
    db: &Db,
    pool: PoolId,
    stale_after: StaleAfter,
    request: &Request<'_>,
) -> Result<Granted, RequestError> {
    crate::db::again!(async {
        let mut client = db.client().await?;
        let (pin, link) = (Pin::random(), Token::random());
        let claim =
            NewClaim { email: request.email, code: request.code, pin: &pin, link: link.hash() };
        let mut locked = Locked::Skip;
        for _ in 0..ATTEMPTS {
            match assign(&client, pool, stale_after, &claim, locked).await {
                Ok(Assigned { claim_id, hostname }) => {
                    tracing::info!(claim.id = claim_id, machine.hostname = %hostname, "claimed");
                    return Ok(Granted { hostname, pin, link, is_new: true });
                }
                Err(NotAssigned::Db(error)) => return Err(error.into()),
                Err(reason @ (NotAssigned::AlreadyHolds | NotAssigned::NoneFree)) => {
                    if let Some(held) = held_by(&client, pool, request.email).await? {
                        return back_in(&mut client, pool, request, held).await;
                    }
                    match (reason, locked) {
                        (NotAssigned::NoneFree, Locked::Await) => break,
                        (NotAssigned::NoneFree, Locked::Skip) => locked = Locked::Await,
                        _ => {}
                    }
                }
            }
        }
        Err(RequestError::Refused(Refusal::NoneFree))
    })
}

/// More than one person's claims can end and begin between two statements.
const ATTEMPTS: usize = 8;

async fn back_in(
    client: &mut crate::db::Client,
    pool: PoolId,
    request: &Request<'_>,
    held: Held,
) -> Result<Granted, RequestError> {
    let transaction = client.transaction().await?;
    let link = Token::random();
    let same_code = held.code == request.code.as_str();
    let holds_link = match &request.proof {
        Some(Proof(token)) => super::page::opens(&transaction, token.hash(), held.claim_id).await?,
        None => false,
    };
    if !(same_code || holds_link || request.reclaim == Reclaim::Email) {
        let event = Event {
            claim_id: Some(held.claim_id),
            ..Event::new(&Actor::Anyone, "claim.reentry_requested")
        };
        events::record(&transaction, pool, event).await?;
        let tell = "select pg_notify('vm_changed', $1)";
        transaction.execute(tell, &[&held.hostname.as_str()]).await?;
        transaction.commit().await?;
        return Err(RequestError::Refused(Refusal::AlreadyClaimed));
    }
    super::page::add_link(&transaction, link.hash(), held.claim_id).await?;
    if !same_code {
        set_command(&transaction, pool, held.claim_id, request.code).await?;
    }
    transaction.commit().await?;
    Ok(Granted { hostname: held.hostname, pin: held.pin, link, is_new: false })
}
