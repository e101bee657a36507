use lablink_protocol::Hostname;
use serde_json::{Map, Value};

use super::{SELECT, Startup};
use crate::{Scope, db::GenericClient, ids::VmId, vms::ReportError};

/// A report about a VM's start, or any part of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub startup: Startup,
    /// Values for which this version has no column, by key.
    pub other: Map<String, Value>,
}

/// How many unknown keys are kept for a VM, and how many bytes they and their values may have
/// together, as JSON.
const MOST_OTHERS: usize = 50;
const LONGEST_OTHERS: usize = 16 * 1024;

/// Adds a report to what is known. What it does not mention stays as it was.
pub async fn record(
    scope: &Scope,
    hostname: &Hostname,
    report: &Report,
) -> Result<(), ReportError> {
    let mut client = scope.client().await?;
    let transaction = client.transaction().await?;
    // The row is made first, so that two reports at once take turns.
    let vm = transaction
        .query_opt(
            "with target as (
                 select id from vm where pool_id = $1 and hostname = $2 and removed_at is null
             ), made as (
                 insert into vm_startup (vm_id) select id from target on conflict do nothing
             )
             select id from target",
            &[&scope.pool.as_i64(), &hostname.as_str()],
        )
        .await?
        .ok_or(ReportError::NoSuchVm)?;
    let vm_id: VmId = vm.try_get("id")?;
    let row = transaction.query_one(&format!("{SELECT} for no key update"), &[&vm_id]).await?;
    let known = super::startup(&row)?;
    let other = others(&transaction, vm_id, &report.other).await?;
    let told = &report.startup;
    let startup = Startup {
        provisioning: known.provisioning.updated(told.provisioning),
        cloud_init: known.cloud_init.updated(told.cloud_init),
        container: known.container.updated(told.container),
        image_pull: known.image_pull.updated(told.image_pull),
    };
    let Startup { provisioning, cloud_init, container, image_pull } = startup;
    transaction
        .execute(
            "update vm_startup set
                 provisioning_started_at = $2, provisioning_ended_at = $3, provisioning_seconds = $4,
                 cloud_init_started_at = $5, cloud_init_ended_at = $6, cloud_init_seconds = $7,
                 container_started_at = $8, container_ended_at = $9, container_seconds = $10,
                 total_seconds = $11, other = $12,
                 image_pull_started_at = $13, image_pull_ended_at = $14, image_pull_seconds = $15
             where vm_id = $1",
            &[
                &vm_id,
                &provisioning.started_at,
                &provisioning.ended_at,
                &provisioning.seconds,
                &cloud_init.started_at,
                &cloud_init.ended_at,
                &cloud_init.seconds,
                &container.started_at,
                &container.ended_at,
                &container.seconds,
                &startup.total_seconds(),
                &Value::Object(other),
                &image_pull.started_at,
                &image_pull.ended_at,
                &image_pull.seconds,
            ],
        )
        .await?;
    transaction.commit().await?;
    Ok(())
}

/// The values to keep besides the known keys, with those of earlier reports.
async fn others(
    client: &impl GenericClient,
    vm_id: VmId,
    told: &Map<String, Value>,
) -> Result<Map<String, Value>, ReportError> {
    let sql = "select other from vm_startup where vm_id = $1";
    let known: Value = client.query_one(sql, &[&vm_id]).await?.try_get("other")?;
    let mut others = known.as_object().cloned().unwrap_or_default();
    let is_news = !told.is_empty();
    others.extend(told.clone());
    let is_long = || serde_json::to_string(&others).is_ok_and(|json| json.len() > LONGEST_OTHERS);
    if is_news && (others.len() > MOST_OTHERS || is_long()) {
        return Err(ReportError::TooManyKeys { most: MOST_OTHERS, longest: LONGEST_OTHERS });
    }
    Ok(others)
}
