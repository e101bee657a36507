use std::time::Duration;

use lablink_protocol::Hostname;
use serde::{Deserialize, Serialize};

use super::{
    Replace,
    left::{Wanted, left_undone},
    terraform,
};
use crate::{
    Actor, Db, DbError,
    db::{GenericClient, Transaction},
    events,
    once::{Asker, Sent},
    operations::{Ask, Asked, Kind, OperationId, ask, kind, targets_in},
    pools::PoolId,
    vms::{self, NewVms, Unmet},
};

/// Make these VMs, and keep what exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    pub hostnames: Vec<Hostname>,
}

impl Kind for Launch {
    const WORD: &'static str = "launch";
    const NAME: &'static str = "Launch";

    fn title(&self) -> String {
        format!("Launch {}", kind::vms(&self.hostnames))
    }

    fn hostnames(&self) -> &[Hostname] {
        &self.hostnames
    }

    fn time_limit(&self) -> Duration {
        terraform(self.hostnames.len())
    }

    /// VMs that were to be made for the first time need no row.
    async fn undo(&self, transaction: &Transaction<'_>, asked: Asked<'_>) -> Result<(), DbError> {
        let planned = vms::never_made(transaction, asked.id).await?;
        vms::remove_in(transaction, asked.pool, &planned, asked.actor).await
    }

    /// They say why they are not there.
    async fn called_off(
        &self,
        transaction: &Transaction<'_>,
        asked: Asked<'_>,
        reason: &str,
    ) -> Result<(), DbError> {
        let targets = targets_in(transaction, asked.id).await?;
        let unmade = targets.into_iter().map(|it| (it.vm_id, reason.to_owned()));
        vms::doubt_in(transaction, &unmade.collect::<Vec<Unmet>>()).await
    }

    /// Those that failed are made. Where one of them waits for its agent in vain, its machine is
    /// there and can't be helped: they are made anew.
    async fn rest(
        self,
        transaction: &Transaction<'_>,
        asked: Asked<'_>,
    ) -> Result<Option<Ask>, DbError> {
        let hostnames = left_undone(transaction, asked.id, Wanted::There).await?;
        Ok(if hostnames.is_empty() {
            None
        } else if any_waits(transaction, asked.pool, &hostnames).await? {
            Some(Ask::of(&Replace { hostnames }))
        } else {
            Some(Ask::of(&Self { hostnames }))
        })
    }
}

/// Whether a VM among these is no failure, but waits for its agent.
async fn any_waits(
    client: &Transaction<'_>,
    pool: PoolId,
    hostnames: &[Hostname],
) -> Result<bool, DbError> {
    let names: Vec<&str> = hostnames.iter().map(Hostname::as_str).collect();
    let sql = "select from vm where pool_id = $1 and hostname = any($2) and removed_at is null
               and status <> 'error' limit 1";
    Ok(client.query_opt(sql, &[&pool.as_i64(), &names]).await?.is_some())
}

/// Queues the making of new VMs: their rows and the operation in one transaction.
pub async fn launch(
    db: &Db,
    pool: PoolId,
    asker: impl Into<Asker>,
    new: &NewVms<'_>,
) -> Result<OperationId, DbError> {
    let asker = asker.into();
    crate::db::again!(async {
        let mut client = db.client().await?;
        let transaction = client.transaction().await?;
        if let Sent::Again(before) = asker.sent(&transaction, pool).await? {
            return Ok(before);
        }
        ask::lock(&transaction, pool).await?;
        let id = launch_in(&transaction, pool, &asker.actor, new).await?;
        asker.keep(&transaction, pool, &id).await?;
        transaction.commit().await?;
        Ok(id)
    })
}

/// The same for who holds the pool's lock.
pub(super) async fn launch_in(
    client: &impl GenericClient,
    pool: PoolId,
    actor: &Actor,
    new: &NewVms<'_>,
) -> Result<OperationId, DbError> {
    let planned = vms::plan(client, pool, new).await?;
    let vm_ids: Vec<i64> = planned.iter().map(|(vm_id, _)| *vm_id).collect();
    events::record_of_vms(client, pool, actor, "vm.requested", &vm_ids).await?;
    let hostnames = planned.into_iter().map(|(_, name)| name).collect();
    Ask::of(&Launch { hostnames }).queue(client, pool, actor).await
}
