use lablink_protocol::{CrdCode, Hostname};
use serde::{Deserialize, Serialize};

use super::assign::{Assigned, ClaimId, Held, Locked, NewClaim, NotAssigned, assign, held_by};
use super::page::set_command;
use crate::{
    Actor, Db, DbError, Email, Pin, Token,
    events::{self, Event},
    once::{Asker, Key, Once, Sent},
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
    /// With the same key, the same e-mail asks for the same claim, whatever its command.
    pub key: Option<Key>,
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
    /// Also when the very request that made it is sent again.
    pub is_new: bool,
}

/// An expected 'no'.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Somebody with this e-mail holds a VM, and the caller has not shown to be that person.
    AlreadyClaimed,
    NoneFree,
    /// The same request was sent before, and what it got is over.
    Over,
}

#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    #[error("refused")]
    Refused(Refusal),
    #[error("the claim could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(RequestError);

/// What is stored of a request with a key.
#[derive(Serialize, Deserialize)]
struct Begun {
    claim: ClaimId,
    /// [`command_mark`] of the newest command that came with this key.
    command: String,
    is_new: bool,
}

/// By which a command is known again; none can be read from it.
pub(super) fn command_mark(once: &Once, code: &CrdCode) -> String {
    once.key().token(&format!("command {}", code.as_str())).reveal().to_owned()
}

/// Gives the caller a VM, or their own one again.
///
/// The first try is the common case in one round trip. What it can't settle is decided by looking
/// closer: the same request from before, the person's own claim, then the VMs that were locked at
/// that moment. A claim that ends in between (a release) is tried for again.
pub async fn request(
    db: &Db,
    pool: PoolId,
    stale_after: StaleAfter,
    request: &Request<'_>,
) -> Result<Granted, RequestError> {
    crate::db::again!(async {
        let mut client = db.client().await?;
        let once = request.key.clone().map(|key| Once::new(key, request.email.key()));
        let asker = Asker { actor: Actor::Anyone, once };
        // For the same key the same, since only its hash is stored.
        let (pin, link) = (Pin::random(), asker.token("claim"));
        let claim = NewClaim {
            email: request.email,
            code: request.code,
            pin: &pin,
            link: link.hash(),
            once: asker.once.as_ref(),
        };
        let mut locked = Locked::Skip;
        for _ in 0..ATTEMPTS {
            let reason = match assign(&client, pool, stale_after, &claim, locked).await {
                Ok(Assigned { claim_id, hostname }) => {
                    tracing::info!(claim.id = claim_id, machine.hostname = %hostname, "claimed");
                    return Ok(Granted { hostname, pin, link, is_new: true });
                }
                Err(NotAssigned::Db(error)) => return Err(error.into()),
                Err(NotAssigned::NoneFree) => Some(locked),
                Err(NotAssigned::AlreadyHolds | NotAssigned::SentBefore) => None,
            };
            let before: Option<Begun> = asker.before(&client, pool).await?;
            match (before, held_by(&client, pool, request.email).await?) {
                (Some(before), Some(held)) if before.claim == held.claim_id => {
                    return same_again(&mut client, pool, request, &asker, before, held).await;
                }
                (Some(_), _) => return Err(RequestError::Refused(Refusal::Over)),
                (None, Some(held)) => {
                    return back_in(&mut client, pool, request, &asker, held).await;
                }
                (None, None) => {}
            }
            match reason {
                Some(Locked::Await) => break,
                Some(Locked::Skip) => locked = Locked::Await,
                None => {}
            }
        }
        Err(RequestError::Refused(Refusal::NoneFree))
    })
}

/// More than one person's claims can end and begin between two statements.
const ATTEMPTS: usize = 8;

/// The request that got this claim, sent again; maybe with a newer command.
async fn same_again(
    client: &mut deadpool_postgres::Client,
    pool: PoolId,
    request: &Request<'_>,
    asker: &Asker,
    before: Begun,
    held: Held,
) -> Result<Granted, RequestError> {
    let command = asker.once.as_ref().map(|once| command_mark(once, request.code));
    let mut is_new = before.is_new;
    if let Some(command) = command.filter(|command| *command != before.command) {
        is_new = false;
        let transaction = client.transaction().await?;
        set_command(&transaction, pool, held.claim_id, request.code).await?;
        asker.keep(&transaction, pool, &Begun { command, is_new, ..before }).await?;
        transaction.commit().await?;
    }
    let link = asker.token("claim");
    Ok(Granted { hostname: held.hostname, pin: held.pin, link, is_new })
}

async fn back_in(
    client: &mut deadpool_postgres::Client,
    pool: PoolId,
    request: &Request<'_>,
    asker: &Asker,
    held: Held,
) -> Result<Granted, RequestError> {
    let transaction = client.transaction().await?;
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
    // By the other click of two, at this very moment: it is told the same.
    if let Sent::Again(before) = asker.sent::<Begun>(&transaction, pool).await? {
        transaction.rollback().await?;
        if before.claim != held.claim_id {
            return Err(RequestError::Refused(Refusal::Over));
        }
        return same_again(client, pool, request, asker, before, held).await;
    }
    let link = asker.token("claim");
    super::page::add_link(&transaction, link.hash(), held.claim_id).await?;
    if !same_code {
        set_command(&transaction, pool, held.claim_id, request.code).await?;
    }
    if let Some(once) = &asker.once {
        let command = command_mark(once, request.code);
        let begun = Begun { claim: held.claim_id, command, is_new: false };
        asker.keep(&transaction, pool, &begun).await?;
    }
    transaction.commit().await?;
    Ok(Granted { hostname: held.hostname, pin: held.pin, link, is_new: false })
}
