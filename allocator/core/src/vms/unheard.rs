//! Machines in a cloud whose agents are not heard: the cloud is asked how they are.

use std::time::Duration;

use lablink_protocol::{CloudNotice, Hostname};
use serde_json::json;
use tokio_postgres::{
    Row,
    types::{Json, ToSql},
};

use super::cloud_notice::announced;
use crate::{
    DbError, Scope,
    aws::{AwsKeys, CloudMachines, Finding, Told},
    db::{self, again},
    events::{Change, Kind, Touch},
    ids::VmId,
};

/// Bounds the rows that one pass locks, and what it asks at once.
const AT_ONCE: i64 = 500;

/// How long to leave a machine alone that is not heard: at first this, later a tenth of how long it
/// has been silent, and at most [`LATER`].
const SOON: Duration = Duration::from_secs(10);
const LATER: Duration = Duration::from_mins(5);

struct Unheard {
    vm: VmId,
    hostname: Hostname,
    instance: String,
}

/// Asks the cloud about the VMs that were not heard for as long as `missed`, and keeps what it says.
/// Returns of how many something new was found. Where the cloud does not answer, nothing changes.
pub async fn ask_about_unheard(
    scope: &Scope,
    cloud: &dyn CloudMachines,
    keys: Option<&AwsKeys>,
    missed: Duration,
) -> Result<u64, DbError> {
    let unheard = unheard(scope, missed).await?;
    if unheard.is_empty() {
        return Ok(0);
    }
    let ids: Vec<String> = unheard.iter().map(|it| it.instance.clone()).collect();
    let told = match cloud.how_are(keys, &ids).await {
        Ok(told) => told,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the cloud does not say how silent machines are");
            return Ok(0);
        }
    };
    let mut news = 0;
    for vm in &unheard {
        let gone = Told { finding: Finding::Ended { said: None }, notice: CloudNotice::None };
        let told = told.get(&vm.instance).unwrap_or(&gone);
        news += u64::from(found(scope, vm, &told.finding).await?);
        if told.notice != CloudNotice::None {
            let mut client = scope.client().await?;
            announced(scope, &mut client, vm.vm, &told.notice).await?;
        }
    }
    Ok(news)
}

/// Each VM is looked at about once in the time after which it counts as unheard, so that a heartbeat
/// has no index to keep.
async fn unheard(scope: &Scope, missed: Duration) -> Result<Vec<Unheard>, DbError> {
    let sql = "with due as (
            select vm_instance.vm_id, vm.hostname, vm.removed_at is not null as is_gone,
                   coalesce(vm_presence.stopped, false) as stopped,
                   coalesce(vm_presence.last_seen, vm.created_at)
                       + make_interval(secs => $2::float8) as missed_at
            from vm_instance join vm on vm.id = vm_instance.vm_id
                 left join vm_presence on vm_presence.vm_id = vm.id
            where vm_instance.ask_at <= now() and vm.pool_id = $1
            limit $3 for no key update of vm_instance skip locked
        ), judged as (
            select *, not is_gone and (stopped or missed_at <= now()) as is_unheard,
                   least(greatest((now() - missed_at) / 10, make_interval(secs => $4::float8)),
                         make_interval(secs => $5::float8)) as pause
            from due
        ), looked_at as (
            update vm_instance
            set ask_at = case when is_gone then null when is_unheard then now() + pause
                              else missed_at end,
                finding = case when is_unheard then finding end,
                found_at = case when is_unheard then found_at end
            from judged where vm_instance.vm_id = judged.vm_id
            returning vm_instance.vm_id, vm_instance.instance_id
        )
        select vm_id, hostname, instance_id from judged join looked_at using (vm_id) where is_unheard";
    let client = scope.client().await?;
    let statement = client.prepare_cached(sql).await?;
    let [missed, soon, later] = [missed, SOON, LATER].map(|it| it.as_secs_f64());
    let rows =
        client.query(&statement, &[&scope.pool.as_i64(), &missed, &AT_ONCE, &soon, &later]).await?;
    let unheard = |row: &Row| {
        Ok(Unheard {
            vm: row.try_get("vm_id")?,
            hostname: db::word(row, "hostname")?,
            instance: row.try_get("instance_id")?,
        })
    };
    rows.iter().map(unheard).collect()
}

/// Keeps what was found, and tells of it if it is new. That a machine runs or starts is no event.
async fn found(scope: &Scope, vm: &Unheard, finding: &Finding) -> Result<bool, DbError> {
    again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        let sql = "update vm_instance set finding = $3, found_at = now()
                   where vm_id = $1 and instance_id = $2 and finding is distinct from $3";
        let statement = change.prepare_cached(sql).await?;
        let values: [&(dyn ToSql + Sync); 3] = [&vm.vm, &vm.instance, &Json(finding)];
        if change.execute(&statement, &values).await? == 0 {
            return Ok(false);
        }
        match finding {
            Finding::Runs | Finding::Starts => change.touch(Touch::Vm(vm.vm)),
            Finding::Stopped { .. } | Finding::Ended { .. } | Finding::Impaired { .. } => {
                tracing::warn!(vm.hostname = %vm.hostname, ?finding, "the cloud says of a silent VM");
                change.event(Kind::VmFound).of_vm(vm.vm).with(json!({ "finding": finding }));
            }
        }
        change.commit().await?;
        Ok(true)
    })
}
