use std::{slice, time::Duration};

use lablink_protocol::Hostname;
use serde::{Deserialize, Serialize};

use crate::{
    Db, DbError, db,
    once::{Asker, Sent},
    operations::{Ask, Kind, Kinds, Lane, OperationId, ask},
    pools::PoolId,
    vms::Source,
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
        Duration::from_mins(5)
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
    db: &Db,
    pool: PoolId,
    kinds: &Kinds,
    asker: impl Into<Asker>,
    hostname: &Hostname,
) -> Result<OperationId, RebootError> {
    let asker = asker.into();
    crate::db::again!(async {
        let mut client = db.client().await?;
        let transaction = client.transaction().await?;
        if let Sent::Again(before) = asker.sent(&transaction, pool).await? {
            return Ok(before);
        }
        ask::lock(&transaction, pool).await?;
        let sql = "select source, removing_at is not null as removing from vm
                   where pool_id = $1 and hostname = $2 and removed_at is null";
        let vm = transaction.query_opt(sql, &[&pool.as_i64(), &hostname.as_str()]).await?;
        let vm = vm.ok_or(RebootError::NoSuchVm)?;
        let obstacle = match db::word(&vm, "source")? {
            _ if vm.try_get("removing")? => Some(REMOVING),
            Source::Local => kinds.refusal::<Reboot>(),
            Source::Aws => Some("Reboot it in the AWS console."),
            Source::Manual | Source::Unknown => Some("Reboot it where it stands."),
        };
        if let Some(why) = obstacle {
            return Err(RebootError::NotPossible(hostname.clone(), why));
        }
        let wish = Ask::of(&Reboot { hostname: hostname.clone() });
        let id = wish.queue(&transaction, pool, &asker.actor).await?;
        asker.keep(&transaction, pool, &id).await?;
        transaction.commit().await?;
        Ok(id)
    })
}

const REMOVING: &str = "It is about to be removed.";

/// Notes that the VM of this operation was rebooted, in the name of who asked for it.
pub async fn rebooted(db: &Db, id: OperationId) -> Result<(), DbError> {
    let sql = "insert into event (pool_id, actor, kind, vm_id, operation_id)
               select pool_id, actor, 'vm.rebooted', vm_id, id
               from operation join operation_target on operation_id = id where id = $1";
    db.client().await?.execute(sql, &[&id]).await?;
    Ok(())
}
