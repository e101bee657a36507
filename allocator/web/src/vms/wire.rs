use std::net::IpAddr;

use jiff::Timestamp;
use lablink_core::vms::{Instance, Vm, VmClaim};
use lablink_protocol::{Hostname, VmStatus};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A VM. Its PIN is shown on pages alone.
#[derive(Serialize, ToSchema)]
pub struct VmBody {
    hostname: Hostname,
    /// Its number in the environment; null for a machine that was registered.
    number: Option<i32>,
    /// `local`, `aws`, `manual` or `unknown`.
    source: &'static str,
    status: VmStatus,
    /// Why the status is what it is.
    reason: Option<String>,
    /// `healthy`, `degraded`, `unhealthy` or `none`; null: not reported.
    gpu: Option<&'static str>,
    /// Why the verdict is what it is.
    gpu_reason: Option<String>,
    /// What the agent said last of processor, memory, disk and GPUs.
    vitals: Option<Value>,
    /// Its machine in a cloud; null: it has none, or it was not made yet.
    instance: Option<InstanceBody>,
    in_use: bool,
    /// Whether an operation is about to remove it.
    removing: bool,
    /// Since when it is kept back because a participant had it; null: it is not.
    used_since: Option<Timestamp>,
    /// Since when its agent is to take a new token because a claim has ended or changed hands; null:
    /// it is not.
    token_due_since: Option<Timestamp>,
    /// Since when nobody can claim it because a dead token of its agent was shown; null: it is not.
    barred_since: Option<Timestamp>,
    last_seen: Option<Timestamp>,
    /// When it was pointed out that its start takes too long; null: it does not.
    overdue_at: Option<Timestamp>,
    /// When it was pointed out that its agent is silent; null: it is not.
    suspect_at: Option<Timestamp>,
    created_at: Timestamp,
    claim: Option<ClaimBody>,
}

/// A machine in a cloud.
#[derive(Serialize, ToSchema)]
pub struct InstanceBody {
    /// As in `i-0123456789abcdef0`.
    id: String,
    machine_type: String,
    /// The availability zone.
    zone: String,
    #[schema(value_type = Option<String>)]
    private_address: Option<IpAddr>,
    #[schema(value_type = Option<String>)]
    public_address: Option<IpAddr>,
}

/// The claim of the person who holds the VM.
#[derive(Serialize, ToSchema)]
pub struct ClaimBody {
    claim_id: i64,
    email: String,
    /// `waiting`, `connecting`, `connected` or `failed`.
    state: &'static str,
    detail: Option<String>,
    since: Timestamp,
}

#[derive(Serialize, ToSchema)]
pub struct VmList {
    pub vms: Vec<VmBody>,
    /// What `after` takes for the next page; null at the end.
    pub next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct VmStatusBody {
    pub hostname: Hostname,
    pub status: VmStatus,
}

impl From<&Vm> for VmBody {
    fn from(vm: &Vm) -> Self {
        Self {
            hostname: vm.hostname.clone(),
            number: vm.number,
            source: vm.source.as_str(),
            status: vm.status,
            reason: vm.status_reason.clone(),
            gpu: vm.gpu.map(|gpu| gpu.as_str()),
            gpu_reason: vm.gpu_reason.clone(),
            vitals: vm.vitals.clone(),
            instance: vm.instance.as_ref().map(InstanceBody::from),
            in_use: vm.in_use,
            removing: vm.removing,
            used_since: vm.used_since.filter(|_| vm.claim.is_none()),
            token_due_since: vm.token_due_since,
            barred_since: vm.barred_since,
            last_seen: vm.last_seen,
            overdue_at: vm.overdue_at,
            suspect_at: vm.suspect_at,
            created_at: vm.created_at,
            claim: vm.claim.as_ref().map(ClaimBody::from),
        }
    }
}

impl From<&Instance> for InstanceBody {
    fn from(instance: &Instance) -> Self {
        Self {
            id: instance.id.clone(),
            machine_type: instance.machine_type.clone(),
            zone: instance.zone.clone(),
            private_address: instance.private_address,
            public_address: instance.public_address,
        }
    }
}

impl From<&VmClaim> for ClaimBody {
    fn from(claim: &VmClaim) -> Self {
        Self {
            claim_id: claim.id.into(),
            email: claim.email.clone(),
            state: claim.state.as_str(),
            detail: claim.detail.clone(),
            since: claim.since,
        }
    }
}
