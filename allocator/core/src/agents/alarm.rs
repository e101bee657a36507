//! Somebody waits with a dead token: they copied it while they had the VM, or somebody else got the
//! new one before its agent. Nobody gets that machine until an organiser has looked.

use std::net::IpAddr;

use lablink_protocol::Hostname;
use serde_json::json;

use crate::{
    Actor, DbError, Scope,
    db::again,
    events::{Change, Kind},
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

/// Bars a VM's next claim, with an event. A claim that is open goes on. While the VM is barred,
/// further tries change nothing. `from`: the address that showed the token.
pub async fn raise(
    scope: &Scope,
    vm_id: VmId,
    misuse: Misuse,
    from: IpAddr,
) -> Result<(), DbError> {
    again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        let sql = "update vm set barred_at = now()
                   where id = $1 and barred_at is null and removed_at is null
                   returning id";
        if change.query_opt(sql, &[&vm_id]).await?.is_none() {
            return Ok(());
        }
        change
            .event(Kind::VmBarred)
            .of_vm(vm_id)
            .with(json!({ "misuse": misuse.as_str(), "from": from.to_string() }))
            .by(Actor::System);
        line::serve(&mut change).await?;
        change.commit().await?;
        Ok(())
    })
}

/// Lets a barred VM be claimed again. It goes to the first in line in the same transaction.
pub async fn lift_bar(scope: &Scope, hostname: &Hostname) -> Result<(), LiftError> {
    again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(()) = scope.sent(&*change).await? {
            return Ok(());
        }
        let vm = change
            .query_opt(
                "update vm set barred_at = null
                 where pool_id = $1 and hostname = $2 and removed_at is null
                   and barred_at is not null
                 returning id",
                &[&scope.pool.as_i64(), &hostname.as_str()],
            )
            .await?
            .ok_or(LiftError::NotBarred)?;
        change.event(Kind::VmBarLifted).of_vm(vm.try_get("id")?);
        line::serve(&mut change).await?;
        scope.keep(&*change, &()).await?;
        change.commit().await?;
        Ok(())
    })
}
