use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Hostname;

/// The pool at a glance. Each VM counts in exactly one field, except `in_use`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PoolBody {
    /// All of them.
    pub vms: i64,
    pub free: i64,
    /// Kept for somebody in line.
    pub offered: i64,
    pub claimed: i64,
    /// A part of the claimed ones.
    pub in_use: i64,
    pub starting: i64,
    /// A participant had them, and they were neither made anew nor cleaned since.
    pub used: i64,
    /// Their agents are to take a new token since a claim has ended.
    pub token_due: i64,
    /// A dead token of theirs was shown.
    pub barred: i64,
    /// Their cloud takes them back.
    pub ending: i64,
    pub removing: i64,
    pub failed: i64,
    pub unhealthy: i64,
    pub overdue: i64,
    pub stale: i64,
    pub suspect: i64,
    /// People who wait for a VM.
    pub in_line: i64,
}

/// How a VM came up.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StartBody {
    pub hostname: Hostname,
    pub asked_at: Timestamp,
    /// When its agent first said that it runs; null: it has not.
    pub ready_at: Option<Timestamp>,
    /// Of the three stages together, once all are known.
    pub seconds: Option<f64>,
    pub provisioning_seconds: Option<f64>,
    pub cloud_init_seconds: Option<f64>,
    pub container_seconds: Option<f64>,
    /// A part of one of the others.
    pub image_pull_seconds: Option<f64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StartList {
    /// Of the newest VMs that are there, at most a hundred; the newest first.
    pub starts: Vec<StartBody>,
}

/// The pool at one moment.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageSample {
    pub at: Timestamp,
    pub claimed: i64,
    /// VMs on which the subject software ran.
    pub in_use: i64,
    /// VMs by their GPUs.
    pub healthy: i64,
    pub degraded: i64,
    pub unhealthy: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UsageList {
    /// From one sample to the next.
    pub step_seconds: i64,
    /// The oldest first; at most of the last week.
    pub samples: Vec<UsageSample>,
}
