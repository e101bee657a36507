//! VMs as the API tells them.

use lablink_core::vms::{Instance, Vm, VmClaim};
use lablink_protocol::organisers::{ClaimBody, InstanceBody, VmBody};

pub fn vm_body(vm: &Vm) -> VmBody {
    VmBody {
        hostname: vm.hostname.clone(),
        number: vm.number,
        source: vm.source.as_str().to_owned(),
        status: vm.status,
        reason: vm.status_reason.clone(),
        gpu: vm.gpu.map(|gpu| gpu.as_str().to_owned()),
        gpu_reason: vm.gpu_reason.clone(),
        vitals: vm.vitals.clone(),
        instance: vm.instance.as_ref().map(instance_body),
        in_use: vm.in_use,
        removing: vm.removing,
        used_since: vm.used_since.filter(|_| vm.claim.is_none()),
        token_due_since: vm.token_due_since,
        barred_since: vm.barred_since,
        finding: vm.found.as_ref().map(|(finding, _)| serde_json::json!(finding)),
        found_at: vm.found.as_ref().map(|(_, at)| *at),
        last_seen: vm.last_seen,
        overdue_at: vm.overdue_at,
        suspect_at: vm.suspect_at,
        created_at: vm.created_at,
        claim: vm.claim.as_ref().map(claim_body),
    }
}

fn instance_body(instance: &Instance) -> InstanceBody {
    InstanceBody {
        id: instance.id.clone(),
        machine_type: instance.machine_type.clone(),
        zone: instance.zone.clone(),
        private_address: instance.private_address,
        public_address: instance.public_address,
    }
}

fn claim_body(claim: &VmClaim) -> ClaimBody {
    ClaimBody {
        claim_id: claim.id.into(),
        email: claim.email.clone(),
        state: claim.state.as_str().to_owned(),
        detail: claim.detail.clone(),
        since: claim.since,
    }
}
