use super::{
    assign::{Assigned, Held, Locked, NewClaim, NotAssigned, assign_one, command_mark, held_by},
    intake::Intake,
    page::{Given, set_command},
};
use crate::{
    Actor, DbError, Email, Neighbours, Pin, Scope, Token,
    db::{Client, GenericClient},
    events::{Change, Kind},
    ids::ClaimId,
    pools::{Pool, Reclaim},
    rows::is_invited,
    scope::{Key, Once, Sent},
};
use lablink_protocol::{CrdCode, Hostname};
use serde::{Deserialize, Serialize};

/// What a participant asks for.
pub struct Request<'a> {
    pub email: &'a Email,
    /// Of the command of Chrome Remote Desktop. None: the desktop in the tab is enough.
    pub code: Option<&'a CrdCode>,
    /// What the browser presents to show that an earlier claim is its own.
    pub proof: Option<Proof>,
    pub neighbours: &'a Neighbours,
    /// With the same key, the same e-mail asks for the same claim, whatever its command.
    pub key: Option<Key>,
}

/// The token of a claim's link or cookie.
pub struct Proof(pub Token);

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

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Somebody with this e-mail holds a VM, and the caller has not shown to be that person.
    AlreadyClaimed,
    /// An organiser keeps a VM for this person, whose place in line has it.
    Invited,
    /// The people at this address hold as many VMs as they may.
    AddressFull,
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

impl Request<'_> {
    /// The key of the request, from any sender.
    pub(super) fn scope(&self, scope: &Scope) -> Scope {
        let once = self.key.clone().map(|key| Once::new(key, self.email.key()));
        scope.by(Actor::Anyone).once(once)
    }
}

impl Request<'_> {
    /// What is stored as the claim's code. The same request has the same.
    pub(super) fn code(&self, scope: &Scope) -> CrdCode {
        self.code.cloned().unwrap_or_else(|| CrdCode::for_tab(scope.token(TAB).reveal()))
    }
}

/// Makes the code of a claim without a command.
const TAB: &str = "tab";

/// The stored outcome of a request with a key.
#[derive(Serialize, Deserialize)]
pub(super) struct Begun {
    claim: ClaimId,
    /// [`super::assign::command_mark`] of the newest command that came with this key.
    command: String,
    is_new: bool,
}

/// The token of the claim's link. A repeated request gets the same one, since only the hash is
/// stored.
pub(super) const LINK: &str = "claim";

/// Gives the caller a VM, or their own one again.
///
/// The first try settles the common case in one round trip. If it takes no VM, the next steps look
/// at the person's own claim, at an ended claim of the same request, and at the VMs that were
/// locked at that moment. A claim that ends in between (a release) is tried for again.
pub(super) async fn alone(
    scope: &Scope,
    intake: &Intake,
    request: &Request<'_>,
) -> Result<Granted, RequestError> {
    let (pin, link) = (Pin::random(), scope.token(LINK));
    let claim = NewClaim {
        email: request.email.clone(),
        code: request.code(scope),
        pin,
        link: link.hash(),
        origin: None,
        once: scope.once.clone(),
    };
    let mut outcome = intake.assign(scope, &claim).await?;
    if let Some(Ok(assigned)) = outcome {
        return Ok(granted(assigned, claim.pin, link));
    }
    let mut client = scope.client().await?;
    let mut locked = Locked::Skip;
    for _ in 0..ATTEMPTS {
        let none_was_free = match outcome {
            Some(Ok(assigned)) => return Ok(granted(assigned, claim.pin, link)),
            Some(Err(NotAssigned::NoneFree)) => true,
            Some(Err(NotAssigned::AlreadyHolds)) | None => false,
        };
        let was_sent = scope.before::<Begun>(&client).await?.is_some();
        // This comes last: the same request may have got a claim meanwhile.
        if let Some(held) = held_by(&client, &scope.pool, request.email).await? {
            if let Some(granted) = back_in(scope, &mut client, request, held).await? {
                return Ok(granted);
            }
        } else if was_sent {
            return Err(RequestError::Refused(Refusal::Over));
        } else {
            match (none_was_free, locked) {
                (true, Locked::Await) => break,
                (true, Locked::Skip) => locked = Locked::Await,
                (false, _) => {}
            }
        }
        outcome = Some(assign_one(&client, &scope.pool, &claim, locked).await?);
    }
    if let Some(Ok(assigned)) = outcome {
        return Ok(granted(assigned, claim.pin, link));
    }
    Err(none_free(&client, &scope.pool, request.email).await?)
}

pub(super) fn granted(Assigned { claim_id, hostname }: Assigned, pin: Pin, link: Token) -> Granted {
    tracing::info!(claim.id = i64::from(claim_id), vm.hostname = %hostname, "claimed");
    Granted { hostname, pin, link, is_new: true }
}

/// The reason why this person gets no VM.
pub(super) async fn none_free(
    client: &impl GenericClient,
    pool: &Pool,
    email: &Email,
) -> Result<RequestError, DbError> {
    let refusal = match is_invited(client, pool, email).await? {
        true => Refusal::Invited,
        false => Refusal::NoneFree,
    };
    Ok(RequestError::Refused(refusal))
}

/// How often to try: more than a person's claims can end and begin between two statements.
pub(super) const ATTEMPTS: usize = 8;

/// The person's open claim, if the caller has shown to be them. None: look again, it is over by now,
/// or the other click of two was quicker.
pub(super) async fn back_in(
    scope: &Scope,
    client: &mut Client,
    request: &Request<'_>,
    held: Held,
) -> Result<Option<Granted>, RequestError> {
    let mut change = Change::begin(scope, client).await?;
    // Locked, so that no link that an organiser makes now is followed by one for somebody else.
    let sql = "select crd_code, links_only_since is not null as links_only from claim
               where id = $1 and released_at is null for no key update";
    let Some(row) = change.query_opt(sql, &[&held.claim_id]).await? else { return Ok(None) };
    let (code, links_only): (String, bool) = (row.try_get("crd_code")?, row.try_get("links_only")?);
    let mut wish = scope.clone();
    if let Some(before) = wish.before::<Begun>(&*change).await? {
        if before.claim != held.claim_id {
            return Err(RequestError::Refused(Refusal::Over));
        }
        let link = wish.token(LINK).hash();
        if super::page::opens(&*change, link, held.claim_id).await? {
            return same_again(change, request, before, held).await.map(Some);
        }
        // An organiser has revoked its link: it proves nothing any more.
        wish.once = None;
    }
    let asked = request.code(scope);
    let same_code = code == asked.as_str();
    let holds_link = match &request.proof {
        Some(Proof(token)) => super::page::opens(&*change, token.hash(), held.claim_id).await?,
        None => false,
    };
    let reclaim = scope.pool.rules.claiming.reclaim;
    let knows_enough = !links_only && (same_code || reclaim == Reclaim::Email);
    if !(holds_link || knows_enough) {
        let sql = "update claim set reentries = reentries + 1, reentry_at = now() where id = $1";
        change.execute(sql, &[&held.claim_id]).await?;
        change.event(Kind::ClaimReentryRequested).of_claim(held.claim_id).by(Actor::Anyone);
        change.commit().await?;
        return Err(RequestError::Refused(Refusal::AlreadyClaimed));
    }
    if let Sent::Again::<Begun>(_) = wish.sent(&*change).await? {
        return Ok(None);
    }
    let link = wish.token(LINK);
    super::page::add_link(&*change, link.hash(), held.claim_id).await?;
    // Who has a desktop by Chrome Remote Desktop and gives no command keeps it.
    if !same_code && request.code.is_some() {
        // If a lock-out came first, the claim's page asks for the command again.
        set_command(&mut change, held.claim_id, &asked).await?;
    }
    if let Some(once) = &wish.once {
        let command = command_mark(once, &asked);
        let begun = Begun { claim: held.claim_id, command, is_new: false };
        wish.keep(&*change, &begun).await?;
    }
    change.commit().await?;
    Ok(Some(Granted { hostname: held.hostname, pin: held.pin, link, is_new: false }))
}

/// Answers the request that got this claim, when it is sent again, maybe with a newer command. The
/// caller holds the claim.
async fn same_again(
    mut change: Change<'_>,
    request: &Request<'_>,
    before: Begun,
    held: Held,
) -> Result<Granted, RequestError> {
    let scope = change.scope();
    let code = request.code(scope);
    let command = scope.once.as_ref().map(|once| command_mark(once, &code));
    let mut is_new = before.is_new;
    if let Some(command) = command.filter(|command| *command != before.command) {
        is_new = false;
        if set_command(&mut change, held.claim_id, &code).await? == Given::Taken {
            scope.keep(&*change, &Begun { command, is_new, ..before }).await?;
        }
    }
    change.commit().await?;
    Ok(Granted { hostname: held.hostname, pin: held.pin, link: scope.token(LINK), is_new })
}
