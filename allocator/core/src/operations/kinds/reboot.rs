use std::{slice, time::Duration};

use lablink_protocol::Hostname;
use serde::{Deserialize, Serialize};

use crate::{
    DbError, Scope, db,
    events::{self, Change, Touch},
    ids::{OperationId, VmId},
    operations::{Ask, Kind, Kinds, Lane},
    pools::Source,
    scope::Sent,
};

/// Start this VM again, with its files and its claim as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reboot {
    pub hostname: Hostname,
}

impl Kind for Reboot {
    const WORD: &'static str = "reboot";
    const NAME: &'static str = "Reboot";

    fn title(&self) -> String {
        format!("Reboot {}", self.hostname)
    }

    fn hostnames(&self) -> &[Hostname] {
        slice::from_ref(&self.hostname)
    }

    /// It need not wait for a launch of others.
    fn lane(&self) -> Lane {
        Lane::of_vm(&self.hostname)
    }

    fn time_limit(&self) -> Duration {
        Duration::from_mins(15)
    }
}

/// Why a VM is not rebooted.
#[derive(Debug, thiserror::Error)]
pub enum RebootError {
    #[error("VM not found.")]
    NoSuchVm,
    #[error("{0} can't be rebooted from here. {1}")]
    NotPossible(Hostname, &'static str),
    #[error("the operation could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(RebootError);

/// Queues the reboot of a VM.
pub async fn reboot(
    scope: &Scope,
    kinds: &Kinds,
    hostname: &Hostname,
) -> Result<OperationId, RebootError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(before) = scope.sent(&*change).await? {
            return Ok(before);
        }
        change.lock_pool().await?;
        let sql = "select source, removing_at is not null as removing from vm
                   where pool_id = $1 and hostname = $2 and removed_at is null";
        let vm = change.query_opt(sql, &[&scope.pool.as_i64(), &hostname.as_str()]).await?;
        let vm = vm.ok_or(RebootError::NoSuchVm)?;
        let obstacle = match db::word(&vm, "source")? {
            _ if vm.try_get("removing")? => Some(REMOVING),
            Source::Local => kinds.refusal::<Reboot>(),
            Source::Aws if scope.pool.rules().machines.launched_from == Some(Source::Aws) => {
                kinds.refusal::<Reboot>()
            }
            Source::Aws => Some("Reboot it in the AWS console."),
            Source::Manual | Source::Unknown => Some("Reboot it where it stands."),
        };
        if let Some(why) = obstacle {
            return Err(RebootError::NotPossible(hostname.clone(), why));
        }
        let wish = Ask::of(&Reboot { hostname: hostname.clone() });
        let id = wish.queue(&mut change).await?;
        scope.keep(&*change, &id).await?;
        change.commit().await?;
        Ok(id)
    })
}

const REMOVING: &str = "It is about to be removed.";

/// Notes that this VM was rebooted, in the name of the person who asked for it.
pub async fn rebooted(scope: &Scope, id: OperationId, vm_id: VmId) -> Result<(), DbError> {
    let sql = "insert into event (pool_id, actor, kind, vm_id, operation_id)
               select pool_id, actor, $3, $2, id from operation where id = $1";
    let kind = events::Kind::VmRebooted.as_str();
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    change.execute(sql, &[&id, &vm_id, &kind]).await?;
    change.touch(Touch::Vm(vm_id));
    change.commit().await
}
