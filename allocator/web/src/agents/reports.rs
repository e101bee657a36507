//! What the original's agents report, and ours too (contract §1.5 to §1.7).

use axum::{Json as JsonAnswer, extract::State};
use jiff::Timestamp;
use lablink_core::{Actor, vms};
use lablink_protocol::{GpuHealth, Hostname, VmStatus};
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::named;
use crate::{
    AppState,
    auth::Caller,
    http::{Json, Problem},
    wire::Message,
};

#[derive(Deserialize, ToSchema)]
pub struct InUse {
    #[schema(value_type = Hostname)]
    hostname: Option<String>,
    /// Whether the subject software runs.
    #[schema(value_type = bool)]
    status: Option<bool>,
    /// Ours: when that began, in seconds since 1970.
    #[schema(minimum = 0, maximum = 253402207199i64)]
    since: Option<i64>,
}

/// Tells whether the subject software runs.
#[utoipa::path(post, path = "", request_body = InUse, responses((status = 200, body = Message)))]
pub async fn in_use(
    State(state): State<AppState>,
    caller: Caller,
    Json(report): Json<InUse>,
) -> Result<JsonAnswer<Message>, Problem> {
    let hostname = named::hostname(report.hostname.as_deref(), "Hostname is required.")?;
    let in_use =
        report.status.ok_or_else(|| Problem::invalid("status: true or false is required."))?;
    let since = report.since.map(|since| {
        let since = Timestamp::from_second(since).ok().filter(|_| since >= 0);
        since.ok_or_else(|| Problem::invalid("since: must be a time in seconds since 1970."))
    });
    let since = since.transpose()?;
    let scope = caller.speaks_for(&state, &hostname).await?;
    vms::set_in_use(&scope, &hostname, in_use, since).await?;
    Ok(JsonAnswer(Message::new("In-use status updated successfully.")))
}

#[derive(Deserialize, ToSchema)]
pub struct Gpu {
    #[schema(value_type = Hostname)]
    hostname: Option<String>,
    /// `Healthy`, `Unhealthy` or `N/A`; true and false are understood as well.
    #[schema(value_type = String, pattern = "^(Healthy|Unhealthy|N/A)$")]
    gpu_status: Option<Value>,
    /// Ours: the verdict in full, and why.
    #[schema(pattern = "^(healthy|degraded|unhealthy|none)$")]
    verdict: Option<String>,
    reason: Option<String>,
}

const LONGEST_REASON: usize = 1000;

/// Tells how the GPU is.
#[utoipa::path(post, path = "", request_body = Gpu, responses((status = 200, body = Message)))]
pub async fn gpu_health(
    State(state): State<AppState>,
    caller: Caller,
    Json(report): Json<Gpu>,
) -> Result<JsonAnswer<Message>, Problem> {
    let missing = "GPU status and hostname are required.";
    let hostname = named::hostname(report.hostname.as_deref(), missing)?;
    let status = report.gpu_status.ok_or_else(|| Problem::missing(missing))?;
    let health = match &status {
        Value::String(word) => GpuHealth::from_wire(word),
        Value::Bool(flag) => GpuHealth::from_wire(&flag.to_string()),
        _ => None,
    };
    let health = health
        .ok_or_else(|| Problem::invalid("gpu_status: must be 'Healthy', 'Unhealthy' or 'N/A'."))?;
    let verdict = report.verdict.map(|word| {
        word.parse().map_err(|_unknown| {
            Problem::invalid("verdict: must be 'healthy', 'degraded', 'unhealthy' or 'none'.")
        })
    });
    let health = verdict.transpose()?.unwrap_or(health);
    let reason: Option<String> =
        report.reason.map(|reason| reason.chars().take(LONGEST_REASON).collect());
    let scope = caller.speaks_for(&state, &hostname).await?;
    vms::set_gpu(&scope, &hostname, health, reason.as_deref()).await?;
    Ok(JsonAnswer(Message::new("GPU health status updated successfully.")))
}

#[derive(Deserialize, ToSchema)]
pub struct Status {
    #[schema(value_type = Hostname)]
    hostname: Option<String>,
    #[schema(value_type = VmStatus)]
    status: Option<String>,
}

/// Tells how far the VM has come.
#[utoipa::path(post, path = "", request_body = Status, responses((status = 200, body = Message)))]
pub async fn status(
    State(state): State<AppState>,
    caller: Caller,
    Json(report): Json<Status>,
) -> Result<JsonAnswer<Message>, Problem> {
    let missing = "Hostname and status are required.";
    let hostname = named::hostname(report.hostname.as_deref(), missing)?;
    let word = report.status.filter(|word| !word.is_empty());
    let word = word.ok_or_else(|| Problem::missing(missing))?;
    let scope = caller.speaks_for(&state, &hostname).await?;
    // The analysis lists these two as well. Whether a VM is free or claimed is not its own to say.
    if !matches!(word.as_str(), "available" | "assigned") {
        let status: VmStatus = word.parse().map_err(|_unknown| {
            Problem::invalid("status: must be 'initializing', 'running', 'unknown' or 'error'.")
        })?;
        if scope.actor == Actor::UnprovenAgent {
            vms::admit(&scope, &hostname).await?;
        }
        vms::set_status(&scope, &hostname, status).await?;
    }
    Ok(JsonAnswer(Message::new("VM status updated successfully.")))
}
