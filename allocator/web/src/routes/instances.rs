use askama::Template;
use axum::{extract::State, response::Html};
use jiff::{SignedDuration, Timestamp};
use lablink_core::vms::{self, StaleAfter, Vm};
use lablink_protocol::{GpuHealth, VmStatus};
use serde::Deserialize;
use utoipa::IntoParams;

use super::claim::connection;
use crate::{
    AppState,
    http::{Problem, Query},
    pages::{Activity, InstanceClaim, InstanceRow, InstancesPage, VmState},
};

/// So many that a page stays under 50 KB.
const PER_PAGE: u16 = 60;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct After {
    /// Where the page before ended.
    #[param(pattern = "^[0-9]{1,9}-[0-9]{1,18}$")]
    after: Option<String>,
}

/// The VMs that are there, page by page.
#[utoipa::path(get, path = "/admin/instances", params(After), responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page(
    State(state): State<AppState>,
    Query(After { after }): Query<After>,
) -> Result<Html<String>, Problem> {
    let now = Timestamp::now();
    let after = after.map(|text| text.parse()).transpose()?;
    let (vms, next) = vms::page(&state.db, state.pool, after, PER_PAGE).await?;
    let stale_after = state.settings.stale_after;
    let page = InstancesPage {
        total: vms::total(&state.db, state.pool).await?,
        instances: vms.into_iter().map(|vm| row(vm, now, stale_after)).collect(),
        next: next.map(|cursor| format!("/admin/instances?after={cursor}")),
        now,
    };
    Ok(Html(page.render()?))
}

fn row(vm: Vm, now: Timestamp, stale_after: StaleAfter) -> InstanceRow {
    let state = vm_state(&vm, now, stale_after);
    let activity = activity(&vm);
    InstanceRow {
        number: vm.number,
        hostname: vm.hostname.to_string(),
        state,
        claim: vm.claim.map(|claim| InstanceClaim {
            email: claim.email,
            pin: claim.pin.reveal().to_owned(),
            connection: connection(claim.state, claim.detail),
            activity,
            since: claim.since,
        }),
        gpu: vm.gpu.into(),
        last_seen: vm.last_seen,
        created_at: vm.created_at,
    }
}

pub(super) fn activity(vm: &Vm) -> Activity {
    if vm.in_use { Activity::InUse } else { Activity::Idle }
}

/// The worst that is known of a VM, in one word.
pub(super) fn vm_state(vm: &Vm, now: Timestamp, StaleAfter(stale_after): StaleAfter) -> VmState {
    let silent = vm.last_seen.map(|seen| now.duration_since(seen));
    let silent = silent
        .filter(|silence| *silence > SignedDuration::try_from(stale_after).unwrap_or_default());
    let gpu_reason = || match &vm.gpu_reason {
        Some(reason) => format!("Its GPU is unhealthy, so it is not handed out: {reason}."),
        None => "Its GPU is unhealthy, so it is not handed out.".to_owned(),
    };
    let attention = |reason: &str| VmState::Attention {
        reason: vm.status_reason.clone().unwrap_or_else(|| reason.to_owned()),
    };
    if vm.removing {
        return VmState::Removing;
    }
    match vm.status {
        VmStatus::Error => attention("The VM reports an error. Destroy it and launch another."),
        VmStatus::Unknown => attention("The VM's state is not known. Wait, or destroy it."),
        VmStatus::Initializing | VmStatus::Running if vm.gpu == Some(GpuHealth::Unhealthy) => {
            attention(&gpu_reason())
        }
        VmStatus::Initializing if vm.claim.is_none() => VmState::Starting,
        VmStatus::Initializing | VmStatus::Running => match silent {
            Some(silence) => VmState::Attention {
                reason: format!(
                    "No sign of life for {} s, so it is not handed out. It comes back by itself \
                     when its agent does.",
                    silence.as_secs()
                ),
            },
            None if vm.stopped => attention(
                "Its agent was stopped, so it is not handed out. It comes back by itself when its \
                 agent does.",
            ),
            None if vm.claim.is_some() => VmState::Claimed,
            None => VmState::Free,
        },
    }
}
