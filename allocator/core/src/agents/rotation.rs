//! A new token for the agent of a VM that changes hands. The agent fetches it with the old one,
//! stores it, and uses it; that use is the moment at which the old one dies. Until then the answer
//! may be lost and either side may crash: fetching again voids what was fetched and never used.

use crate::{
    Actor, DbError, Scope, Token, TokenHash,
    db::GenericClient,
    events::{Change, Kind},
    ids::VmId,
    line,
    rows::TOKEN_DUE,
};
use lablink_protocol::Hostname;

/// How many dead tokens of a VM are remembered, the newest. There is a limit, so that fetching
/// without end fills nothing. It is high, so that a thief can't easily push out the agent's token.
const REMEMBERED: i64 = 1000;

#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    #[error("This token is not the VM's any more.")]
    Refused,
    #[error("The VM's token is good: a new one comes when its claim has ended or changed hands.")]
    NotDue,
    #[error("the new token could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(RenewError);

/// Trades the token of a VM that changes hands for a new one. One that was fetched before and
/// not used is void.
pub async fn renew(
    scope: &Scope,
    hostname: &Hostname,
    shown: TokenHash,
) -> Result<Token, RenewError> {
    crate::db::again!(async {
        let new = Token::random();
        let mut client = scope.client().await?;
        let change = Change::begin(scope, &mut client).await?;
        let vm = change
            .query_opt(
                "select id, token_due_at is not null as due from vm
                 where pool_id = $1 and hostname = $2 and removed_at is null for no key update",
                &[&scope.pool.as_i64(), &hostname.as_str()],
            )
            .await?
            .ok_or(RenewError::Refused)?;
        let id: VmId = vm.try_get("id")?;
        let credential = change
            .query_opt(
                "select next_sha256 from agent_credential
                 where vm_id = $1 and token_sha256 = $2 for update",
                &[&id, &shown.as_bytes()],
            )
            .await?
            .ok_or(RenewError::Refused)?;
        if !vm.try_get::<_, bool>("due")? {
            return Err(RenewError::NotDue);
        }
        if let Some(unused) = credential.try_get::<_, Option<&[u8]>>("next_sha256")? {
            bury(&*change, id, unused).await?;
        }
        let sql = "update agent_credential set next_sha256 = $2 where vm_id = $1";
        change.execute(sql, &[&id, &new.hash().as_bytes()]).await?;
        change.commit().await?;
        Ok(new)
    })
}

/// Has a VM's agent take a new token while its claim goes on, since an earlier holder may have
/// copied the current one. The caller holds the VM. An agent that takes none would hear nothing for
/// ever, so it keeps its own.
pub(crate) async fn ask_for_new_token(change: &Change<'_>, vm_id: VmId) -> Result<(), DbError> {
    let sql = format!(
        "update vm set token_due_at = {TOKEN_DUE} where id = $1 and exists (
             select from vm_presence where vm_presence.vm_id = vm.id and vitals ? 'token')"
    );
    change.execute(&sql, &[&vm_id]).await?;
    Ok(())
}

/// Makes a token that was never used the current one. `false`: it is void.
pub(super) async fn first_use(
    scope: &Scope,
    vm_id: VmId,
    token: TokenHash,
) -> Result<bool, DbError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        let there =
            "select hostname from vm where id = $1 and removed_at is null for no key update";
        if change.query_opt(there, &[&vm_id]).await?.is_none() {
            return Ok(false);
        }
        let credential = change
            .query_opt(
                "select token_sha256 from agent_credential
                 where vm_id = $1 and (token_sha256 = $2 or next_sha256 = $2) for update",
                &[&vm_id, &token.as_bytes()],
            )
            .await?;
        let Some(credential) = credential else { return Ok(false) };
        let before: &[u8] = credential.try_get("token_sha256")?;
        if before != token.as_bytes() {
            bury(&*change, vm_id, before).await?;
        }
        let sql = "update agent_credential
                   set token_sha256 = $2, next_sha256 = null,
                       first_used_at = coalesce(first_used_at, now())
                   where vm_id = $1";
        change.execute(sql, &[&vm_id, &token.as_bytes()]).await?;
        let sql = "update vm set token_due_at = null where id = $1 and token_due_at is not null
                   returning id";
        if change.query_opt(sql, &[&vm_id]).await?.is_some() {
            change.event(Kind::VmTokenRenewed).of_vm(vm_id).by(Actor::System);
            line::serve(&mut change).await?;
        }
        change.commit().await?;
        Ok(true)
    })
}

/// Marks this token as dead: anybody who shows it from now on has copied it.
async fn bury(client: &impl GenericClient, vm_id: VmId, token: &[u8]) -> Result<(), DbError> {
    let sql = "insert into dead_token (token_sha256, vm_id, died_at)
               values ($1, $2, clock_timestamp()) on conflict do nothing";
    client.execute(sql, &[&token, &vm_id]).await?;
    let sql = "delete from dead_token where vm_id = $1 and died_at <= (
                   select died_at from dead_token where vm_id = $1
                   order by died_at desc offset $2 limit 1)";
    client.execute(sql, &[&vm_id, &REMEMBERED]).await?;
    Ok(())
}
