use jiff::Timestamp;
use lablink_protocol::{CloudNotice, GpuHealth, Hostname, VmStatus};
use tokio_postgres::Row;

use super::cloud_notice::cloud_notice;
use crate::{
    DbError, Pin, Scope,
    aws::Finding,
    db,
    ids::{ClaimId, VmId},
    pools::Source,
    rows::ClaimState,
    vms::Instance,
};

/// A VM that is there, with its claim.
#[derive(Clone, Debug)]
pub struct Vm {
    pub id: VmId,
    pub hostname: Hostname,
    /// Counts the VMs that LabLink made from 1; none for machines registered by hand.
    pub number: Option<i32>,
    pub source: Source,
    pub status: VmStatus,
    pub status_reason: Option<String>,
    /// None until the agent has reported.
    pub gpu: Option<GpuHealth>,
    /// Why the GPU is not healthy, in words.
    pub gpu_reason: Option<String>,
    pub in_use: bool,
    /// A destroy has been asked for.
    pub removing: bool,
    /// Kept for somebody in line.
    pub offered: bool,
    /// Since when it is used: a participant had it, and it was not made anew or cleaned since.
    pub used_since: Option<Timestamp>,
    /// Since when its agent is to take a new token: a claim has ended or changed hands, and whoever
    /// had it may have seen the one before.
    pub token_due_since: Option<Timestamp>,
    /// Since when nobody can claim it, because a dead token of its agent was shown.
    pub barred_since: Option<Timestamp>,
    /// What its cloud has announced for it.
    pub notice: Option<CloudNotice>,
    /// The e-mail of its last participant.
    pub last_participant: Option<String>,
    /// Why its agent could not clean it after that participant.
    pub clean_failure: Option<String>,
    /// The last heartbeat; none from agents that send none.
    pub last_seen: Option<Timestamp>,
    /// The agent has said that it stops.
    pub stopped: bool,
    /// Why its agent could not be started. None if it has been heard since.
    pub start_failure: Option<String>,
    /// The contents of heartbeats: [`lablink_protocol::Vitals`] as JSON, newer keys included.
    pub vitals: Option<serde_json::Value>,
    /// Of a machine in a cloud, once Terraform's state has it.
    pub instance: Option<Instance>,
    /// What its cloud says of it while its agent is not heard, and since when.
    pub found: Option<(Finding, Timestamp)>,
    /// Since when its machine has been starting. None: it was not begun, or it runs.
    pub starting_since: Option<Timestamp>,
    /// When it was pointed out that it takes too long to start.
    pub overdue_at: Option<Timestamp>,
    /// When it was pointed out that its agent is silent, if it still is.
    pub suspect_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub claim: Option<VmClaim>,
}

#[derive(Clone, Debug)]
pub struct VmClaim {
    pub id: ClaimId,
    pub email: String,
    pub pin: Pin,
    pub state: ClaimState,
    pub detail: Option<String>,
    pub since: Timestamp,
}

macro_rules! columns {
    () => {
        "select vm.id, vm.hostname, vm.number, vm.source, vm.status, vm.status_reason, vm.gpu,
             vm.gpu_reason, vm.in_use, vm.removing_at is not null as removing,
             vm.place_id is not null as offered, vm.created_at, vm_presence.last_seen, vm.used_at,
             vm.token_due_at, vm.barred_at, vm.notice,
             (select email from claim as last where last.id = vm.last_claim_id) as last_participant,
             case when vm.used_at is not null then (select clean_failure from claim as last
                 where last.id = vm.last_claim_id) end as clean_failure,
             vm_presence.vitals, coalesce(vm_presence.stopped, false) as stopped,
             vm_presence.start_failure,
             vm_instance.instance_id, vm_instance.machine_type, vm_instance.zone,
             vm_instance.private_address, vm_instance.public_address,
             case when vm_presence.last_seen is null or vm_presence.last_seen < vm_instance.found_at
                 then vm_instance.finding end as finding, vm_instance.found_at,
             vm.starting_since,
             case when vm.status = 'initializing' then vm.overdue_at end as overdue_at,
             case when vm_presence.stopped or vm_presence.last_seen <= vm.suspect_at
                 then vm.suspect_at end as suspect_at,
             claim.id as claim_id, claim.email, claim.pin, claim.state, claim.detail,
             claim.created_at as claimed_at"
    };
}

/// What [`vm`] reads.
pub(super) const COLUMNS: &str = columns!();

const SELECT: &str = concat!(
    columns!(),
    " from vm left join vm_presence on vm_presence.vm_id = vm.id
              left join vm_instance on vm_instance.vm_id = vm.id
              left join claim on claim.id = vm.claim_id
      where vm.pool_id = $1 and vm.removed_at is null"
);

/// All VMs of a pool that are there, by number, then by name.
pub async fn list(scope: &Scope) -> Result<Vec<Vm>, DbError> {
    let client = scope.client().await?;
    let sql = format!("{SELECT} order by vm.number nulls last, vm.hostname");
    let statement = client.prepare_cached(&sql).await?;
    client.query(&statement, &[&scope.pool.as_i64()]).await?.iter().map(vm).collect()
}

/// Those of these names that are there, by number, then by name.
pub async fn named(scope: &Scope, hostnames: &[Hostname]) -> Result<Vec<Vm>, DbError> {
    let names: Vec<&str> = hostnames.iter().map(Hostname::as_str).collect();
    let client = scope.client().await?;
    let sql =
        format!("{SELECT} and vm.hostname = any($2) order by vm.number nulls last, vm.hostname");
    let statement = client.prepare_cached(&sql).await?;
    client.query(&statement, &[&scope.pool.as_i64(), &names]).await?.iter().map(vm).collect()
}

/// The status of every VM of a pool that is there, by name.
pub async fn statuses(scope: &Scope) -> Result<Vec<(Hostname, VmStatus)>, DbError> {
    let client = scope.client().await?;
    let sql = "select hostname, status from vm where pool_id = $1 and removed_at is null
               order by hostname collate \"C\"";
    let statement = client.prepare_cached(sql).await?;
    let rows = client.query(&statement, &[&scope.pool.as_i64()]).await?;
    rows.iter().map(|row| Ok((db::word(row, "hostname")?, db::word(row, "status")?))).collect()
}

/// One VM that is there, by its name.
pub async fn find(scope: &Scope, hostname: &Hostname) -> Result<Option<Vm>, DbError> {
    let client = scope.client().await?;
    let statement = client.prepare_cached(&format!("{SELECT} and vm.hostname = $2")).await?;
    let row = client.query_opt(&statement, &[&scope.pool.as_i64(), &hostname.as_str()]).await?;
    row.as_ref().map(vm).transpose()
}

/// Where a VM comes from; none: there is no such VM.
pub async fn source(scope: &Scope, hostname: &Hostname) -> Result<Option<Source>, DbError> {
    let client = scope.client().await?;
    let sql = "select source from vm where pool_id = $1 and hostname = $2 and removed_at is null";
    let statement = client.prepare_cached(sql).await?;
    let row = client.query_opt(&statement, &[&scope.pool.as_i64(), &hostname.as_str()]).await?;
    row.as_ref().map(|row| db::word(row, "source")).transpose()
}

pub(super) fn vm(row: &Row) -> Result<Vm, DbError> {
    let email: Option<String> = row.try_get("email")?;
    let claim = match email {
        Some(email) => Some(VmClaim {
            id: row.try_get("claim_id")?,
            email,
            pin: Pin::stored(row.try_get("pin")?),
            state: db::word(row, "state")?,
            detail: row.try_get("detail")?,
            since: row.try_get("claimed_at")?,
        }),
        None => None,
    };
    Ok(Vm {
        id: row.try_get("id")?,
        hostname: db::word(row, "hostname")?,
        number: row.try_get("number")?,
        source: db::word(row, "source")?,
        status: db::word(row, "status")?,
        status_reason: row.try_get("status_reason")?,
        gpu: db::optional_word(row, "gpu")?,
        gpu_reason: row.try_get("gpu_reason")?,
        in_use: row.try_get("in_use")?,
        removing: row.try_get("removing")?,
        offered: row.try_get("offered")?,
        used_since: row.try_get("used_at")?,
        token_due_since: row.try_get("token_due_at")?,
        barred_since: row.try_get("barred_at")?,
        notice: cloud_notice(row)?,
        last_participant: row.try_get("last_participant")?,
        clean_failure: row.try_get("clean_failure")?,
        last_seen: row.try_get("last_seen")?,
        stopped: row.try_get("stopped")?,
        start_failure: row.try_get("start_failure")?,
        vitals: row.try_get("vitals")?,
        instance: Instance::of(row)?,
        found: found(row)?,
        starting_since: row.try_get("starting_since")?,
        overdue_at: row.try_get("overdue_at")?,
        suspect_at: row.try_get("suspect_at")?,
        created_at: row.try_get("created_at")?,
        claim,
    })
}

/// One of a kind that this version does not know counts as none.
fn found(row: &Row) -> Result<Option<(Finding, Timestamp)>, DbError> {
    let finding: Option<serde_json::Value> = row.try_get("finding")?;
    let finding = finding.and_then(|finding| serde_json::from_value(finding).ok());
    Ok(finding.zip(row.try_get("found_at")?))
}
