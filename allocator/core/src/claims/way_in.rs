//! What an organiser can do when a claim is, or may be, in other hands.

use super::page;
use crate::{
    DbError, Pin, Scope, Token, agents,
    db::{self, GenericClient},
    events::{Change, Kind},
    ids::{ClaimId, VmId},
    pools::Pool,
    scope::Sent,
};
use lablink_protocol::Hostname;
use serde::{Deserialize, Serialize};
use tokio_postgres::types::ToSql;

/// A new way into an open claim, for the organiser to hand on: it is the only one.
#[derive(Debug)]
pub struct NewLink {
    pub link: Token,
    pub email: String,
    pub hostname: Hostname,
}

/// The stored outcome. The link follows from the wish's key.
#[derive(Serialize, Deserialize)]
struct Issued {
    email: String,
    hostname: Hostname,
}

const LINK: &str = "new link";

impl NewLink {
    fn again(scope: &Scope, Issued { email, hostname }: Issued) -> Self {
        Self { link: scope.token(LINK), email, hostname }
    }
}

/// The holder of an open claim, as far as an organiser must know before a change.
#[derive(Debug)]
pub struct Holding {
    pub email: String,
    pub hostname: Hostname,
    /// Its agent has said that it can end a desktop and wait.
    pub agent_locks_out: bool,
    pub lock_out: Option<LockOut>,
}

/// How far the newest lock-out has come, until a new command follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockOut {
    /// The agent has not reported that the desktop has ended.
    Asked,
    Ended,
}

/// Why nobody can be locked out of a VM.
#[derive(Debug, thiserror::Error)]
pub enum LockOutError {
    #[error("This claim is over, or never was. Look at the list again.")]
    NoSuchClaim,
    #[error(
        "The program on this machine can't end a desktop that runs: it is the original's client, or \
         an agent from before. End the claim and give a fresh machine instead; or reboot this one."
    )]
    AgentCannot,
    #[error("the lock-out could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(LockOutError);

/// Makes a link into an open claim. Those from before open nothing any more, and neither the command
/// nor the e-mail is a proof from now on; the VM's agent takes a new token before it hears more.
/// Desktop and PIN stay as they are. None: it is over.
pub async fn issue_link(scope: &Scope, claim_id: ClaimId) -> Result<Option<NewLink>, DbError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(issued) = scope.sent(&*change).await? {
            return Ok(Some(NewLink::again(scope, issued)));
        }
        let Some(claim) = lock(&*change, &scope.pool, claim_id).await? else { return Ok(None) };
        let link = replace_links(&mut change, &claim).await?;
        let issued = Issued { email: claim.email, hostname: claim.hostname };
        scope.keep(&*change, &issued).await?;
        change.commit().await?;
        Ok(Some(NewLink { link, email: issued.email, hostname: issued.hostname }))
    })
}

/// Makes a link like [`issue_link`], and ends the desktop. The claim gets another PIN and waits for a
/// new command, which its agent runs once the desktop has ended.
pub async fn lock_out(scope: &Scope, claim_id: ClaimId) -> Result<NewLink, LockOutError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(issued) = scope.sent(&*change).await? {
            return Ok(NewLink::again(scope, issued));
        }
        let claim =
            lock(&*change, &scope.pool, claim_id).await?.ok_or(LockOutError::NoSuchClaim)?;
        if !claim.agent_locks_out {
            return Err(LockOutError::AgentCannot);
        }
        let link = replace_links(&mut change, &claim).await?;
        // The earlier code is no way back any more, and is not run again.
        let (pin, code) = (Pin::random(), Token::random());
        let sql = "update claim set command_no = command_no + 1, lock_out_no = command_no + 1,
                       locked_out_at = null, pin = $2, crd_code = $3, state = 'failed',
                       fault = 'command', detail = $4, commanded_at = now()
                   where id = $1";
        let code = format!("locked-out-{}", code.reveal());
        let values: [&(dyn ToSql + Sync); 4] = [&claim_id, &pin.reveal(), &code, &ENDED];
        change.execute(sql, &values).await?;
        change.event(Kind::ClaimLockOutAsked).of_claim(claim_id);
        let issued = Issued { email: claim.email, hostname: claim.hostname };
        scope.keep(&*change, &issued).await?;
        change.commit().await?;
        Ok(NewLink { link, email: issued.email, hostname: issued.hostname })
    })
}

/// The holder of this claim. None: it is over, or never existed.
pub async fn holding(scope: &Scope, claim_id: ClaimId) -> Result<Option<Holding>, DbError> {
    let sql = format!(
        "select claim.email, vm.hostname, claim.locked_out_at is not null as ended,
                coalesce(claim.lock_out_no = claim.command_no, false) as is_lock_out,
                {LOCKS_OUT} as locks_out
         from claim join vm on vm.id = claim.vm_id
                    left join vm_presence on vm_presence.vm_id = vm.id
         where claim.pool_id = $1 and claim.id = $2 and claim.released_at is null"
    );
    let row = scope.client().await?.query_opt(&sql, &[&scope.pool.as_i64(), &claim_id]).await?;
    row.map(|row| {
        let stage = if row.try_get("ended")? { LockOut::Ended } else { LockOut::Asked };
        Ok(Holding {
            email: row.try_get("email")?,
            hostname: db::word(&row, "hostname")?,
            agent_locks_out: row.try_get("locks_out")?,
            lock_out: row.try_get::<_, bool>("is_lock_out")?.then_some(stage),
        })
    })
    .transpose()
}

/// Older allocators show this on their pages.
const ENDED: &str = "The organiser has ended this desktop: it waits for a new command.";

/// Whether its VM's agent can end a desktop and wait, and takes new tokens. The person who is
/// locked out may have copied its token.
const LOCKS_OUT: &str = "(coalesce(vm_presence.vitals->>'locks_out', '') = 'true'
    and vm_presence.vitals ? 'token')";

struct Locked {
    id: ClaimId,
    email: String,
    vm_id: VmId,
    hostname: Hostname,
    agent_locks_out: bool,
}

/// Locks the VM of an open claim, then the claim. Requests that show a link, or make one, wait.
async fn lock(
    client: &impl GenericClient,
    pool: &Pool,
    claim_id: ClaimId,
) -> Result<Option<Locked>, DbError> {
    let sql = format!(
        "select vm.id, vm.hostname, {LOCKS_OUT} as locks_out
         from claim join vm on vm.id = claim.vm_id and vm.claim_id = claim.id
                    left join vm_presence on vm_presence.vm_id = vm.id
         where claim.pool_id = $1 and claim.id = $2 and claim.released_at is null
         for no key update of vm"
    );
    let key: [&(dyn ToSql + Sync); 2] = [&pool.as_i64(), &claim_id];
    let mut vm = client.query_opt(&sql, &key).await?;
    if vm.is_none() {
        // It may have moved to another machine while this waited.
        vm = client.query_opt(&sql, &key).await?;
    }
    let Some(vm) = vm else { return Ok(None) };
    let sql = "select email from claim where id = $1 and released_at is null for no key update";
    let Some(claim) = client.query_opt(sql, &[&claim_id]).await? else { return Ok(None) };
    Ok(Some(Locked {
        id: claim_id,
        email: claim.try_get("email")?,
        vm_id: vm.try_get("id")?,
        hostname: db::word(&vm, "hostname")?,
        agent_locks_out: vm.try_get("locks_out")?,
    }))
}

async fn replace_links(change: &mut Change<'_>, claim: &Locked) -> Result<Token, DbError> {
    let sql = "with gone as (
                   delete from claim_link where claim_id = $1 returning token_sha256
               ), revoked as (
                   insert into claim_link_revoked (token_sha256, claim_id)
                   select token_sha256, $1 from gone
               )
               update claim set links_only_since = now(), reentries = 0, reentry_at = null
               where id = $1";
    change.execute(sql, &[&claim.id]).await?;
    agents::ask_for_new_token(change, claim.vm_id).await?;
    let link = change.scope().token(LINK);
    page::add_link(&**change, link.hash(), claim.id).await?;
    change.event(Kind::ClaimLinkIssued).of_claim(claim.id);
    Ok(link)
}
