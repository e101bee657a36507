use std::time::Duration;

use lablink_protocol::Hostname;
use serde::{Deserialize, Serialize};

use super::{
    Replace, TERRAFORM_ATTEMPTS,
    left::{Wanted, left_undone},
    terraform,
};
use crate::{
    DbError, Scope,
    events::{self, Change},
    ids::OperationId,
    operations::{Ask, Kind, targets_in, vm_count},
    scope::Sent,
    vms::{self, Unmet},
};

/// Make these VMs, and keep what exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    pub hostnames: Vec<Hostname>,
}

impl Kind for Launch {
    const WORD: &'static str = "launch";
    const NAME: &'static str = "Launch";
    const MAX_ATTEMPTS: u16 = TERRAFORM_ATTEMPTS;

    fn title(&self) -> String {
        format!("Launch {}", vm_count(&self.hostnames))
    }

    fn hostnames(&self) -> &[Hostname] {
        &self.hostnames
    }

    fn time_limit(&self) -> Duration {
        terraform(self.hostnames.len())
    }

    /// VMs that were to be made for the first time need no row.
    async fn undo(&self, change: &mut Change<'_>, id: OperationId) -> Result<(), DbError> {
        let planned = vms::never_made(&**change, id).await?;
        vms::remove_in(change, &planned).await
    }

    /// They get the reason why they are not there.
    async fn called_off(
        &self,
        change: &mut Change<'_>,
        id: OperationId,
        reason: &str,
    ) -> Result<(), DbError> {
        let targets = targets_in(&**change, id).await?;
        let unmade = targets.into_iter().map(|it| (it.vm_id, reason.to_owned()));
        vms::doubt_in(change, &unmade.collect::<Vec<Unmet>>()).await
    }

    /// VMs that failed are made. If one of them waits for its agent in vain, its machine exists and
    /// can't be repaired, so they are made anew.
    async fn rest(self, change: &mut Change<'_>, id: OperationId) -> Result<Option<Ask>, DbError> {
        let hostnames = left_undone(change, id, Wanted::There).await?;
        Ok(if hostnames.is_empty() {
            None
        } else if any_waits(change, &hostnames).await? {
            Some(Ask::of(&Replace { hostnames }))
        } else {
            Some(Ask::of(&Self { hostnames }))
        })
    }
}

/// Whether a VM among these did not fail, but waits for its agent.
async fn any_waits(change: &Change<'_>, hostnames: &[Hostname]) -> Result<bool, DbError> {
    let names: Vec<&str> = hostnames.iter().map(Hostname::as_str).collect();
    let sql = "select from vm where pool_id = $1 and hostname = any($2) and removed_at is null
               and status <> 'error' limit 1";
    Ok(change.query_opt(sql, &[&change.pool().as_i64(), &names]).await?.is_some())
}

/// The reason why nothing is launched.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    #[error("VMs can't be launched here: the provider is 'manual'. Register machines instead.")]
    NoSource,
    #[error("the operation could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(LaunchError);

/// Queues the making of `count` new VMs, at least 1: their rows and the operation in one transaction.
pub async fn launch(scope: &Scope, count: u32) -> Result<OperationId, LaunchError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(before) = scope.sent(&*change).await? {
            return Ok(before);
        }
        change.lock_pool().await?;
        let id = launch_in(&mut change, count).await?;
        scope.keep(&*change, &id).await?;
        change.commit().await?;
        Ok(id)
    })
}

/// The launch that the same wish has begun already.
pub async fn launched_before(scope: &Scope) -> Result<Option<OperationId>, DbError> {
    scope.before(&scope.client().await?).await
}

/// How many VMs launches will make that are queued or running: those that no machine was begun for.
pub async fn still_to_come(scope: &Scope) -> Result<u32, DbError> {
    let sql = "select count(distinct target.vm_id)
               from operation join operation_target as target on target.operation_id = operation.id
               join vm on vm.id = target.vm_id
               where operation.pool_id = $1 and operation.kind = $2
                 and operation.state in ('awaiting_approval', 'queued', 'running')
                 and target.left_out is null and vm.removed_at is null
                 and not exists (select from operation_vm as step
                                 where step.operation_id = operation.id
                                   and step.hostname = vm.hostname and step.stage <> 'waiting')";
    let client = scope.client().await?;
    let row = client.query_one(sql, &[&scope.pool.as_i64(), &Launch::WORD]).await?;
    Ok(u32::try_from(row.try_get::<_, i64>(0)?).unwrap_or(u32::MAX))
}

/// The same as [`launch`], for a caller that holds the pool's lock.
pub(super) async fn launch_in(
    change: &mut Change<'_>,
    count: u32,
) -> Result<OperationId, LaunchError> {
    let source = change.pool().rules().machines.launched_from.ok_or(LaunchError::NoSource)?;
    let planned = vms::plan(&**change, change.pool(), source, count).await?;
    for (id, _) in &planned {
        change.event(events::Kind::VmRequested).of_vm(*id);
    }
    let hostnames = planned.into_iter().map(|(_, name)| name).collect();
    Ok(Ask::of(&Launch { hostnames }).queue(change).await?)
}
