//! The timings of a VM's start, as its scripts tell them (contract §1.12).

use axum::Json as JsonAnswer;
use lablink_core::startup::{self, Report};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::{
    auth::Caller,
    http::{Json, Problem, VmName, moment},
    wire::Message,
};

/// Every spelling that a sender or the analysis uses.
enum Meaning {
    CloudInitStart,
    CloudInitEnd,
    CloudInitSeconds,
    ContainerStart,
    ContainerEnd,
    ContainerSeconds,
    ImagePullStart,
    ImagePullEnd,
    ImagePullSeconds,
    Other,
}

impl Meaning {
    fn of(key: &str) -> Self {
        match key {
            "cloud_init_start" | "cloud_init_start_time" => Self::CloudInitStart,
            "cloud_init_end" | "cloud_init_end_time" => Self::CloudInitEnd,
            "cloud_init_duration_seconds" | "cloud_init_duration" => Self::CloudInitSeconds,
            "container_start" | "container_start_time" => Self::ContainerStart,
            "container_end" | "container_end_time" | "container_ready" | "container_ready_time" => {
                Self::ContainerEnd
            }
            "container_startup_duration_seconds"
            | "container_duration_seconds"
            | "container_startup_duration" => Self::ContainerSeconds,
            "docker_pull_start" | "docker_pull_start_time" => Self::ImagePullStart,
            "docker_pull_end" | "docker_pull_end_time" => Self::ImagePullEnd,
            "docker_pull_duration_seconds" => Self::ImagePullSeconds,
            _ => Self::Other,
        }
    }
}

/// The keys that both generations of scripts send: moments in unix seconds or ISO 8601.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the body, which has keys of the sender's own as well")]
pub struct Timings {
    cloud_init_start: Option<f64>,
    cloud_init_end: Option<f64>,
    #[schema(minimum = 0)]
    cloud_init_duration_seconds: Option<f64>,
    docker_pull_start: Option<f64>,
    docker_pull_end: Option<f64>,
    container_start_time: Option<f64>,
    container_end_time: Option<f64>,
    #[schema(minimum = 0)]
    container_startup_duration_seconds: Option<f64>,
}

/// Takes the timings of a start; keys that are not known are kept as they are.
#[utoipa::path(post, path = "", params(("hostname" = String, Path)), request_body = Timings, responses((status = 200, body = Message)))]
pub async fn post(
    Caller(scope): Caller,
    VmName(hostname): VmName,
    Json(metrics): Json<Map<String, Value>>,
) -> Result<JsonAnswer<Message>, Problem> {
    let report = report(metrics)?;
    startup::record(&scope, &hostname, &report).await?;
    Ok(JsonAnswer(Message::new("VM metrics posted successfully.")))
}

fn report(metrics: Map<String, Value>) -> Result<Report, Problem> {
    let mut report = Report::default();
    let startup = &mut report.startup;
    // A script may send null for what it could not measure: it counts as absent.
    for (key, value) in metrics.into_iter().filter(|(_, value)| !value.is_null()) {
        match Meaning::of(&key) {
            Meaning::CloudInitStart => startup.cloud_init.started_at = Some(moment(&key, &value)?),
            Meaning::CloudInitEnd => startup.cloud_init.ended_at = Some(moment(&key, &value)?),
            Meaning::CloudInitSeconds => startup.cloud_init.seconds = Some(seconds(&key, &value)?),
            Meaning::ContainerStart => startup.container.started_at = Some(moment(&key, &value)?),
            Meaning::ContainerEnd => startup.container.ended_at = Some(moment(&key, &value)?),
            Meaning::ContainerSeconds => startup.container.seconds = Some(seconds(&key, &value)?),
            Meaning::ImagePullStart => startup.image_pull.started_at = Some(moment(&key, &value)?),
            Meaning::ImagePullEnd => startup.image_pull.ended_at = Some(moment(&key, &value)?),
            Meaning::ImagePullSeconds => startup.image_pull.seconds = Some(seconds(&key, &value)?),
            Meaning::Other => {
                report.other.insert(key, value);
            }
        }
    }
    Ok(report)
}

fn moment(key: &str, value: &Value) -> Result<jiff::Timestamp, Problem> {
    moment::of(value).ok_or_else(|| {
        Problem::invalid(format!(
            "{key}: must be unix seconds, or a time such as 2026-03-01T09:00:00Z."
        ))
    })
}

fn seconds(key: &str, value: &Value) -> Result<f64, Problem> {
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    let seconds = seconds.filter(|seconds: &f64| seconds.is_finite() && *seconds >= 0.0);
    seconds
        .ok_or_else(|| Problem::invalid(format!("{key}: must be a number of seconds, 0 or more.")))
}
