//! Somebody waits with a dead token: they copied it while they had the VM, or somebody else got the
//! new one before its agent. Nobody gets that machine until an organiser has looked.

use std::net::IpAddr;

use lablink_protocol::Hostname;
use serde_json::json;

use crate::{
    Actor, DbError, Scope,
    db::again,
    events::{self, Event},
    ids::VmId,
    line,
    scope::Sent,
    text_enum::text_enum,
};

text_enum! {
    /// What a dead token was shown for.
    pub enum Misuse {
        Wait = "wait",
        NewToken = "new_token",
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LiftError {
    #[error("No machine of this name is barred.")]
    NotBarred,
    #[error("the bar could not be lifted")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(LiftError);

/// Bars a VM's next claim and says so in the history. A claim that is open goes on. While the VM is
/// barred, further tries change nothing. `from`: the address that showed the token.
pub async fn raise(
    scope: &Scope,
    vm_id: VmId,
    misuse: Misuse,
    from: IpAddr,
) -> Result<(), DbError> {
    again!(async {
        let mut client = scope.db.client().await?;
        let transaction = client.transaction().await?;
        let sql = "update vm set barred_at = now()
                   where id = $1 and barred_at is null and removed_at is null
                   returning pg_notify('vm_changed', hostname)::text";
        if transaction.query_opt(sql, &[&vm_id]).await?.is_none() {
            return Ok(());
        }
        let event = Event {
            vm_id: Some(vm_id),
            data: json!({ "misuse": misuse.as_str(), "from": from.to_string() }),
            ..Event::new(&Actor::System, "vm.barred")
        };
        events::record(&transaction, &scope.pool, event).await?;
        line::serve(&transaction, &scope.pool).await?;
        transaction.commit().await?;
        Ok(())
    })
}

/// An organiser lets a barred VM be claimed again; who is first in line has it, in one transaction.
pub async fn lift_bar(scope: &Scope, hostname: &Hostname) -> Result<(), LiftError> {
    again!(async {
        let mut client = scope.db.client().await?;
        let transaction = client.transaction().await?;
        if let Sent::Again(()) = scope.sent(&transaction).await? {
            return Ok(());
        }
        let vm = transaction
            .query_opt(
                "update vm set barred_at = null
                 where pool_id = $1 and hostname = $2 and removed_at is null
                   and barred_at is not null
                 returning id, pg_notify('vm_changed', hostname)::text",
                &[&scope.pool.as_i64(), &hostname.as_str()],
            )
            .await?
            .ok_or(LiftError::NotBarred)?;
        let event =
            Event { vm_id: Some(vm.try_get("id")?), ..Event::new(&scope.actor, "vm.bar_lifted") };
        events::record(&transaction, &scope.pool, event).await?;
        line::serve(&transaction, &scope.pool).await?;
        scope.keep(&transaction, &()).await?;
        transaction.commit().await?;
        Ok(())
    })
}
