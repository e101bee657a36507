use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Hostname, VmStatus};

/// A VM. Its PIN is shown on pages alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VmBody {
    pub hostname: Hostname,
    /// Its number in the environment; null for a machine that was registered.
    pub number: Option<i32>,
    /// `local`, `aws`, `manual` or `unknown`.
    pub source: String,
    pub status: VmStatus,
    /// Why the status is what it is.
    pub reason: Option<String>,
    /// `healthy`, `degraded`, `unhealthy` or `none`; null: not reported.
    pub gpu: Option<String>,
    /// Why the verdict is what it is.
    pub gpu_reason: Option<String>,
    /// What the agent said last of processor, memory, disk and GPUs.
    pub vitals: Option<Value>,
    /// Its machine in a cloud; null: it has none, or it was not made yet.
    pub instance: Option<InstanceBody>,
    pub in_use: bool,
    /// Whether an operation is about to remove it.
    pub removing: bool,
    /// Since when it is kept back because a participant had it; null: it is not.
    pub used_since: Option<Timestamp>,
    /// Since when its agent is to take a new token because a claim has ended or changed hands; null:
    /// it is not.
    pub token_due_since: Option<Timestamp>,
    /// Since when nobody can claim it because a dead token of its agent was shown; null: it is not.
    pub barred_since: Option<Timestamp>,
    /// What its cloud says of it while its agent is not heard: an object with `kind` `runs`,
    /// `starts`, `stopped`, `ended` or `impaired`; null: nothing was asked.
    pub finding: Option<Value>,
    /// Since when its cloud says so.
    pub found_at: Option<Timestamp>,
    pub last_seen: Option<Timestamp>,
    /// When it was pointed out that its start takes too long; null: it does not.
    pub overdue_at: Option<Timestamp>,
    /// When it was pointed out that its agent is silent; null: it is not.
    pub suspect_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub claim: Option<ClaimBody>,
}

/// A machine in a cloud.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct InstanceBody {
    /// As in `i-0123456789abcdef0`.
    pub id: String,
    pub machine_type: String,
    /// The availability zone.
    pub zone: String,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub private_address: Option<IpAddr>,
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub public_address: Option<IpAddr>,
}

/// The claim of the person who holds the VM.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClaimBody {
    pub claim_id: i64,
    pub email: String,
    /// `waiting`, `connecting`, `connected` or `failed`.
    pub state: String,
    pub detail: Option<String>,
    pub since: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VmList {
    pub vms: Vec<VmBody>,
    /// What `after` takes for the next page; null at the end.
    pub next: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VmStatusBody {
    pub hostname: Hostname,
    pub status: VmStatus,
}
