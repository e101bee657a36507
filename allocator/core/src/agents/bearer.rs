//! Finds out who shows a token.

use lablink_protocol::Hostname;

use super::rotation;
use crate::{Db, DbError, Scope, TokenHash, db, ids::VmId};

/// The holder of an agent's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bearer {
    /// The VM's agent.
    Agent {
        hostname: Hostname,
        /// It has waited, or sent a heartbeat, with a token before.
        attends: bool,
    },
    /// The VM's claim has ended or changed hands: the token is good for a new one and for nothing
    /// else.
    Outgoing(Hostname),
    /// Another token has taken its place.
    Dead { vm_id: VmId },
}

/// The holder of this token, if there is one. The first use of a new token ends those before it.
/// The VM can then be claimed, and goes to the first in line.
pub async fn identify(scope: &Scope, token: TokenHash) -> Result<Option<Bearer>, DbError> {
    let client = scope.client().await?;
    let statement = client
        .prepare_cached(
            "with found as (
                 select vm_id, case when first_used_at is null then 'new' else 'known' end as standing,
                        agent_at is not null as attends
                 from agent_credential where token_sha256 = $1
                 union all
                 select vm_id, 'new', agent_at is not null
                 from agent_credential where next_sha256 = $1
                 union all
                 select vm_id, 'dead', false from dead_token where token_sha256 = $1
             )
             select vm.id, vm.hostname, found.standing, found.attends,
                    vm.token_due_at is not null as due
             from found join vm on vm.id = found.vm_id where vm.removed_at is null",
        )
        .await?;
    let row = client.query_opt(&statement, &[&token.as_bytes()]).await?;
    drop(client);
    let Some(row) = row else { return Ok(None) };
    let (vm_id, hostname): (VmId, Hostname) = (row.try_get("id")?, db::word(&row, "hostname")?);
    let standing: &str = row.try_get("standing")?;
    Ok(match standing {
        "dead" => Some(Bearer::Dead { vm_id }),
        // Another token was used first, so this one is void.
        "new" if !rotation::first_use(scope, vm_id, token).await? => None,
        "known" if row.try_get("due")? => Some(Bearer::Outgoing(hostname)),
        _ => Some(Bearer::Agent { hostname, attends: row.try_get("attends")? }),
    })
}

/// Notes that the VM's agent itself waits or sends heartbeats with a token, which the program that
/// starts a machine never does. From now on, nobody speaks for the VM without a token.
pub async fn attend(db: &Db, hostname: &Hostname) -> Result<(), DbError> {
    let sql = "update agent_credential set agent_at = now() from vm
               where vm.id = vm_id and vm.hostname = $1 and vm.removed_at is null
                 and agent_at is null";
    db.client().await?.execute(sql, &[&hostname.as_str()]).await?;
    Ok(())
}

/// Whether the VM of this name has an agent that shows a token, so that nobody speaks for it
/// without one.
pub async fn needs_token(db: &Db, hostname: &Hostname) -> Result<bool, DbError> {
    let client = db.client().await?;
    let statement = client
        .prepare_cached(
            "select from vm join agent_credential on vm_id = vm.id
             where vm.hostname = $1 and vm.removed_at is null and agent_at is not null",
        )
        .await?;
    Ok(client.query_opt(&statement, &[&hostname.as_str()]).await?.is_some())
}
