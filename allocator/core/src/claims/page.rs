use super::{ClaimState, ReleaseReason};
use crate::{
    Actor, Db, DbError, Pin, Scope, Token, TokenHash,
    db::{self, GenericClient},
    events::{Change, Kind},
    ids::ClaimId,
    scope::Sent,
    text_enum::text_enum,
    vms,
};
use jiff::Timestamp;
use lablink_protocol::{CrdCode, Hostname};

/// What the holder of a claim's link sees.
#[derive(Debug)]
pub struct ClaimView {
    pub id: ClaimId,
    pub hostname: Hostname,
    pub email: String,
    pub created_at: Timestamp,
    /// The machine that it had before, which could not start the desktop.
    pub moved_from: Option<Hostname>,
    pub progress: Progress,
}

/// A claim is open, with its PIN, or over.
#[derive(Debug)]
pub enum Progress {
    Open {
        pin: Pin,
        /// The VM's agent can show its desktop in a tab.
        offers_desktop: bool,
        /// The participant gave a command of Chrome Remote Desktop.
        has_command: bool,
        state: ClaimState,
        /// The agent's message about its last attempt.
        detail: Option<String>,
        machine: Machine,
        /// When its cloud takes the machine back, if it has said so.
        taken_back_at: Option<Timestamp>,
    },
    Over {
        reason: ReleaseReason,
    },
}

text_enum! {
    /// How a participant's machine is, as far as they must know it.
    pub enum Machine {
        Fine = "fine",
        /// It is to be removed.
        Leaving = "leaving",
        /// Its cloud takes it back within minutes.
        Ending = "ending",
        /// It could not run the desktop. The participant gets another as soon as one is free.
        AwaitsAnother = "awaits_another",
        /// It could not run the desktop, and its participant had another before, or has files there.
        Faulty = "faulty",
        /// In error, for another reason.
        Failed = "failed",
        /// Its agent has been silent for long, or has stopped.
        Silent = "silent",
        /// An organiser has locked out the person who had it: its agent is ending the desktop.
        LockingOut = "locking_out",
        /// The lock-out is done: the claim waits for a new command.
        LockedOut = "locked_out",
    }
}

/// The claim that a link opens, if it opens one.
pub async fn by_link(db: &Db, link: &Token) -> Result<Option<ClaimView>, DbError> {
    let row = db
        .client()
        .await?
        .query_opt(
            "select claim.id, claim.email, claim.pin, claim.crd_code, vm.offers_desktop, claim.state, claim.detail,
                    claim.created_at, claim.release_reason, vm.hostname, vm.notice,
                    faulty.hostname as moved_from,
                    case when vm.removing_at is not null then 'leaving'
                         when vm.notice->>'kind' = 'taken_back' then 'ending'
                         when claim.moving_since is not null then 'awaits_another'
                         when claim.state = 'failed' and claim.fault = 'machine' then 'faulty'
                         when vm.status = 'error' then 'failed'
                         when vm.suspect_at is not null then 'silent'
                         when claim.lock_out_no = claim.command_no then
                              case when claim.locked_out_at is null then 'locking_out'
                                   else 'locked_out' end
                         else 'fine' end as machine
             from claim_link join claim on claim.id = claim_link.claim_id
                             join vm on vm.id = claim.vm_id
                             left join vm as faulty on faulty.id = claim.faulty_vm_id
                                                   and faulty.id <> claim.vm_id
             where claim_link.token_sha256 = $1",
            &[&link.hash().as_bytes()],
        )
        .await?;
    row.map(|row| {
        let progress = match db::optional_word(&row, "release_reason")? {
            Some(reason) => Progress::Over { reason },
            None => Progress::Open {
                pin: Pin::stored(row.try_get("pin")?),
                offers_desktop: row.try_get("offers_desktop")?,
                has_command: has_command(&row)?,
                state: db::word(&row, "state")?,
                detail: row.try_get("detail")?,
                machine: db::word(&row, "machine")?,
                taken_back_at: vms::cloud_notice(&row)?.as_ref().and_then(vms::taken_back_at),
            },
        };
        Ok(ClaimView {
            id: row.try_get("id")?,
            hostname: db::word(&row, "hostname")?,
            email: row.try_get("email")?,
            created_at: row.try_get("created_at")?,
            moved_from: db::optional_word(&row, "moved_from")?,
            progress,
        })
    })
    .transpose()
}

fn has_command(row: &tokio_postgres::Row) -> Result<bool, DbError> {
    let code: String = row.try_get("crd_code")?;
    Ok(CrdCode::try_from(code).is_ok_and(|code| !code.is_for_tab()))
}

/// Whether an organiser's newer link has replaced this one.
pub async fn was_revoked(db: &Db, link: &Token) -> Result<bool, DbError> {
    let sql = "select 1 from claim_link_revoked where token_sha256 = $1";
    Ok(db.client().await?.query_opt(sql, &[&link.hash().as_bytes()]).await?.is_some())
}

/// The result of a new command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    Taken,
    /// Refused: the desktop of the person who was locked out has not ended yet.
    LockingOut,
    /// The link opens no claim, or one that is over.
    NoClaim,
}

/// Replaces the command of the claim that the link opens. Without one, the desktop is started in the
/// tab, as far as the machine shows one.
pub async fn give_command(
    scope: &Scope,
    link: &Token,
    code: Option<&CrdCode>,
) -> Result<Given, DbError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(()) = scope.sent(&*change).await? {
            return Ok(Given::Taken);
        }
        let sql = "select claim_id from claim_link where token_sha256 = $1";
        let found = change.query_opt(sql, &[&link.hash().as_bytes()]).await?;
        let Some(found) = found else { return Ok(Given::NoClaim) };
        let claim_id: ClaimId = found.try_get("claim_id")?;
        // A transaction that revokes links holds the claim, so the link is looked up again after
        // the wait.
        let sql = "select 1 from claim where id = $1 and released_at is null for no key update";
        if change.query_opt(sql, &[&claim_id]).await?.is_none()
            || !opens(&*change, link.hash(), claim_id).await?
        {
            return Ok(Given::NoClaim);
        }
        let tab = || CrdCode::for_tab(Token::random().reveal());
        let code = code.cloned().unwrap_or_else(tab);
        let given = set_command(&mut change, claim_id, &code).await?;
        if given != Given::Taken {
            return Ok(given);
        }
        scope.keep(&*change, &()).await?;
        change.commit().await?;
        Ok(given)
    })
}

/// Gives an open claim, which the caller holds, another command, which the agent runs next; not
/// before a lock-out is done. The same code again is a new command too: a participant who sends it
/// wants it tried.
pub(super) async fn set_command(
    change: &mut Change<'_>,
    claim_id: ClaimId,
    code: &CrdCode,
) -> Result<Given, DbError> {
    let changed = change
        .query_opt(
            "update claim set crd_code = $2, command_no = command_no + 1,
                                  state = 'waiting', detail = null, fault = null,
                                  commanded_at = now()
                 where id = $1 and released_at is null
                   and not (lock_out_no is not distinct from command_no and locked_out_at is null)
             returning id",
            &[&claim_id, &code.as_str()],
        )
        .await?;
    if changed.is_none() {
        return Ok(Given::LockingOut);
    }
    change.event(Kind::ClaimCommandReplaced).of_claim(claim_id).by(Actor::Anyone);
    Ok(Given::Taken)
}

/// Whether the link opens this claim.
pub(crate) async fn opens(
    client: &impl GenericClient,
    link: TokenHash,
    claim_id: ClaimId,
) -> Result<bool, DbError> {
    let sql = "select 1 from claim_link where token_sha256 = $1 and claim_id = $2";
    Ok(client.query_opt(sql, &[&link.as_bytes(), &claim_id]).await?.is_some())
}

pub(super) async fn add_link(
    client: &impl GenericClient,
    link: TokenHash,
    claim_id: ClaimId,
) -> Result<(), DbError> {
    let sql = "insert into claim_link (token_sha256, claim_id) values ($1, $2)";
    client.execute(sql, &[&link.as_bytes(), &claim_id]).await?;
    Ok(())
}
