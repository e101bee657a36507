use super::{Ask, Replace};
use crate::{
    DbError, Email, Scope, Token,
    claims::{self, ReleaseReason},
    db::{self, again},
    events::Change,
    ids::{ClaimId, OperationId, VmId},
    line,
    pools::{AfterUse, Source},
    scope::Sent,
    vms,
};
use lablink_protocol::Hostname;

/// What happens to a VM when its participant is done with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Then {
    /// A fresh one takes its place: nobody meets a stranger's files. Machines that LabLink did not
    /// make can't be made anew: they follow [`AfterUse`].
    #[default]
    Replace,
    /// It goes back to the pool as it is, the participant's files included.
    Reuse,
}

/// Which claim is to end.
#[derive(Clone, Copy, Debug)]
pub enum Whose {
    /// The claim that the VM has, if any.
    Anybodys,
    /// This claim, and not one that has begun since.
    Claim(ClaimId),
}

/// Why a VM can't be taken back.
#[derive(Debug, thiserror::Error)]
pub enum TakeBackError {
    #[error("VM not found.")]
    NoSuchVm,
    #[error("This VM is not claimed.")]
    NotClaimed,
    #[error("the release could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(TakeBackError);

/// A VM that is to be taken from its participant.
#[derive(Clone, Copy, Debug)]
pub struct TakeBack<'a> {
    pub hostname: &'a Hostname,
    pub whose: Whose,
    pub reason: ReleaseReason,
    pub then: Then,
}

/// Ends a VM's claim, and queues its replacement, unless the VM goes back as it is and so to the
/// first in line. This is one transaction: nobody can claim the VM in between. If the claim ended
/// earlier, this decides what happens to the used machine.
pub async fn take_back(
    scope: &Scope,
    wish: &TakeBack<'_>,
) -> Result<Option<OperationId>, TakeBackError> {
    again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(before) = scope.sent(&*change).await? {
            return Ok(before);
        }
        let operation = free(&mut change, wish, scope.pool.rules().machines.after_use).await?;
        line::serve(&mut change).await?;
        scope.keep(&*change, &operation).await?;
        change.commit().await?;
        Ok(operation)
    })
}

/// The person who gets another machine.
#[derive(Debug)]
pub struct Invited {
    pub email: String,
    /// Opens their place in line, and then their claim.
    pub link: Token,
    /// The machine that they had, or somebody with their e-mail.
    pub before: Hostname,
}

/// Ends a claim and makes its VM anew, as [`take_back`] does, and gives its person the first place in
/// line, behind a link that nobody else has.
pub async fn give_fresh_machine(
    scope: &Scope,
    claim_id: ClaimId,
) -> Result<Invited, TakeBackError> {
    again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        let link = scope.token("invitation");
        if let Sent::Again((email, before)) = scope.sent(&*change).await? {
            return Ok(Invited { email, link, before });
        }
        let sql = "select claim.email, claim.person, vm.hostname
                   from claim join vm on vm.id = claim.vm_id
                   where claim.pool_id = $1 and claim.id = $2 and claim.released_at is null";
        let claim = change.query_opt(sql, &[&scope.pool.as_i64(), &claim_id]).await?;
        let claim = claim.ok_or(TakeBackError::NotClaimed)?;
        let before: Hostname = db::word(&claim, "hostname")?;
        let wish = TakeBack {
            hostname: &before,
            whose: Whose::Claim(claim_id),
            reason: ReleaseReason::Released,
            then: Then::Replace,
        };
        let after_use = match scope.pool.rules().machines.after_use {
            // As it is, it would not be a fresh machine to the next person.
            AfterUse::Reuse | AfterUse::Hold => AfterUse::Hold,
            AfterUse::Clean => AfterUse::Clean,
        };
        free(&mut change, &wish, after_use).await?;
        let email = Email::stored(claim.try_get("email")?, claim.try_get("person")?);
        line::invite(&mut change, &email, &link).await?;
        line::serve(&mut change).await?;
        scope.keep(&*change, &(email.spelling(), &before)).await?;
        change.commit().await?;
        Ok(Invited { email: email.spelling().to_owned(), link, before })
    })
}

async fn free(
    change: &mut Change<'_>,
    wish: &TakeBack<'_>,
    after_use: AfterUse,
) -> Result<Option<OperationId>, TakeBackError> {
    change.lock_pool().await?;
    let vm = change
        .query_opt(
            "select id, source, claim_id, used_at is not null as used,
                    removing_at is not null as removing
             from vm where pool_id = $1 and hostname = $2 and removed_at is null
             for no key update",
            &[&change.pool().as_i64(), &wish.hostname.as_str()],
        )
        .await?
        .ok_or(TakeBackError::NoSuchVm)?;
    let id: VmId = vm.try_get("id")?;
    let held: Option<ClaimId> = vm.try_get("claim_id")?;
    let removing: bool = vm.try_get("removing")?;
    match (held, wish.whose) {
        (Some(_), Whose::Anybodys) => {}
        (Some(held), Whose::Claim(claim)) if held == claim => {}
        // Its last participant is gone already. What happens to the machine is still to be decided.
        (None, Whose::Anybodys) if vm.try_get("used")? && !removing => {}
        (Some(_) | None, Whose::Anybodys | Whose::Claim(_)) => {
            return Err(TakeBackError::NotClaimed);
        }
    }
    let made = matches!(db::word(&vm, "source")?, Source::Local | Source::Aws);
    // A VM that is being removed already needs no operation of its own.
    let replaced = wish.then == Then::Replace && made && !removing;
    let operation = if replaced {
        let replace = Ask::of(&Replace { hostnames: vec![wish.hostname.clone()] });
        Some(replace.queue(change).await?)
    } else {
        None
    };
    claims::release_of_vm(change, id, wish.reason).await?;
    if wish.then == Then::Reuse || (!made && after_use == AfterUse::Reuse) {
        vms::reuse(change, id).await?;
    }
    Ok(operation)
}
