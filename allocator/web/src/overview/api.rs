//! The pool at a glance, for programs.

use axum::Json;
use lablink_core::{line, startup, usage, vms};
use lablink_protocol::organisers::{PoolBody, StartBody, StartList, UsageList, UsageSample};

use crate::{auth::Caller, http::Problem};

/// As many as are looked at.
const STARTS: i64 = 100;
/// A week of them, which is as long as they are kept.
const SAMPLES: u16 = 7 * 24 * 4;

/// How many VMs there are, by state, and how many people wait.
#[utoipa::path(get, path = "", responses((status = 200, body = PoolBody)))]
pub async fn pool(Caller(scope): Caller) -> Result<Json<PoolBody>, Problem> {
    let counts = vms::counts(&scope).await?;
    Ok(Json(PoolBody {
        vms: counts.all(),
        free: counts.free,
        offered: counts.offered,
        claimed: counts.claimed,
        in_use: counts.in_use,
        starting: counts.starting,
        used: counts.used,
        token_due: counts.token_due,
        barred: counts.barred,
        ending: counts.ending,
        removing: counts.removing,
        failed: counts.failed,
        unhealthy: counts.unhealthy,
        overdue: counts.overdue,
        stale: counts.stale,
        suspect: counts.suspect,
        in_line: line::count(&scope).await? + counts.offered,
    }))
}

/// How the newest VMs came up.
#[utoipa::path(get, path = "", responses((status = 200, body = StartList)))]
pub async fn starts(Caller(scope): Caller) -> Result<Json<StartList>, Problem> {
    let starts = startup::recent(&scope, STARTS).await?.into_iter().map(|start| StartBody {
        hostname: start.hostname,
        asked_at: start.asked_at,
        ready_at: start.ready_at,
        seconds: start.stages.total_seconds(),
        provisioning_seconds: start.stages.provisioning.seconds,
        cloud_init_seconds: start.stages.cloud_init.seconds,
        container_seconds: start.stages.container.seconds,
        image_pull_seconds: start.stages.image_pull.seconds,
    });
    Ok(Json(StartList { starts: starts.collect() }))
}

/// How many VMs were claimed and in use over the last week.
#[utoipa::path(get, path = "", responses((status = 200, body = UsageList)))]
pub async fn usage(Caller(scope): Caller) -> Result<Json<UsageList>, Problem> {
    let samples = usage::samples(&scope, SAMPLES).await?.into_iter().map(|sample| UsageSample {
        at: sample.at,
        claimed: sample.claimed,
        in_use: sample.in_use,
        healthy: sample.healthy,
        degraded: sample.degraded,
        unhealthy: sample.unhealthy,
    });
    Ok(Json(UsageList { step_seconds: usage::STEP.as_secs(), samples: samples.collect() }))
}
