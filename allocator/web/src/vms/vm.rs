//! The page of one VM, and the pages that ask before something is done to it.

use askama::Template;
use axum::{
    extract::State,
    response::{Html, Redirect},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use jiff::Timestamp;
use lablink_core::{
    agents,
    claims::{self, ClaimRecord, Which},
    collections, events, logs, startup,
    vms::{self, Vm},
};
use lablink_protocol::{Hostname, TokenKeeping, VmStatus};
use sha2::{Digest, Sha256};

use super::{
    confirm_page::{ConfirmPage, Deed},
    vm_page::{PastClaim, Shelter, VmPage},
};
use crate::{
    AgentAuth, AppState,
    history::happening::Happening,
    http::{Asking, Path, Problem},
    pages::{Timeline, TimelineRow},
    states::{
        afterwards::Afterwards,
        claim::Connection,
        used_note::UsedNote,
        vm::{Holder, InstanceClaim, VmState},
    },
};

const CLAIMS_SHOWN: i64 = 50;
const HAPPENINGS_SHOWN: i64 = 50;

/// The page of one VM.
#[utoipa::path(get, path = "/admin/vms/{hostname}", params(("hostname" = String, Path)), responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page(
    State(state): State<AppState>,
    Path(hostname): Path<String>,
) -> Result<Html<String>, Problem> {
    let (db, pool, now) = (&state.db, state.pool, Timestamp::now());
    let vm = find(&state, &hostname).await?;
    let start = startup::of_start(db, vm.id).await?;
    let history = claims::list(db, pool, Which::OfVm(&vm.hostname), None, CLAIMS_SHOWN).await?;
    let happened = events::of_vm(db, pool, &vm.hostname, HAPPENINGS_SHOWN).await?;
    let page = VmPage {
        hostname: vm.hostname.to_string(),
        source: vm.source.into(),
        state: VmState::of(&vm, now, state.settings.stale_after),
        used: UsedNote::of(&vm, state.settings.after_use, now, state.settings.stale_after),
        gpu: vm.gpu.into(),
        gpu_reason: vm.gpu_reason.clone(),
        // Of a newer agent, what can't be read is not shown.
        vitals: vm
            .vitals
            .clone()
            .and_then(|vitals| serde_json::from_value(vitals).ok())
            .unwrap_or_default(),
        last_seen: vm.last_seen,
        created_at: vm.created_at,
        never_enrolled: agents::has_never_enrolled(db, vm.id).await?,
        shelter: shelter(&state, &vm).await?,
        host_key: collections::host_key(db, pool, &vm.hostname).await?.map(|key| fingerprint(&key)),
        timeline: Timeline { rows: start.iter().map(TimelineRow::from).collect() },
        dropped: logs::dropped(db, vm.id).await?.map(|dropped| (dropped.lines, dropped.at)),
        claims: history.into_iter().map(past).collect(),
        happenings: happened.into_iter().map(Happening::from).collect(),
        claim: InstanceClaim::of(&vm),
        now,
    };
    Ok(Html(page.render()?))
}

/// How far those who had the VM before are shut off from its next claim, where not wholly.
async fn shelter(state: &AppState, vm: &Vm) -> Result<Option<Shelter>, Problem> {
    if !agents::needs_token(&state.db, &vm.hostname).await? {
        let open = state.settings.agent_auth == AgentAuth::Open;
        return Ok((open && vm.status == VmStatus::Running).then_some(Shelter::NoToken));
    }
    let token = vm.vitals.as_ref().and_then(|vitals| vitals.get("token")).cloned();
    Ok(match token.and_then(|token| serde_json::from_value(token).ok()) {
        Some(TokenKeeping::Safe) => None,
        Some(TokenKeeping::Exposed(reason)) => Some(Shelter::WithinReach { reason }),
        // One that has not sent a heartbeat yet may be any.
        None => vm.vitals.is_some().then_some(Shelter::OlderAgent),
    })
}

/// As `ssh-keygen -l` writes it: the type, then SHA-256 in base64.
fn fingerprint(key: &str) -> String {
    let (kind, blob) = key.split_once(' ').unwrap_or(("", key));
    let blob = STANDARD.decode(blob.trim()).unwrap_or_default();
    format!("{kind} SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(blob)))
}

fn past(claim: ClaimRecord) -> PastClaim {
    PastClaim {
        email: claim.email,
        connection: Connection::of(claim.state, claim.detail),
        from: claim.created_at,
        end: claim.ended.map(|ended| (ended.at, ended.reason.into())),
    }
}

/// Asks before something is lost.
#[utoipa::path(get, path = "/admin/vms/{hostname}/{deed}", params(("hostname" = String, Path), ("deed" = String, Path)), responses((status = 200, content_type = "text/html", body = String)))]
pub async fn confirm(
    State(state): State<AppState>,
    Path((hostname, deed)): Path<(String, String)>,
) -> Result<Html<String>, Problem> {
    let deed = match deed.as_str() {
        "release" => Deed::Release,
        "replace" => Deed::Replace,
        "reboot" => Deed::Reboot,
        "delete" => Deed::Delete,
        "forget" => Deed::Forget,
        _ => return Err(Problem::not_found("There is nothing at this address.")),
    };
    let vm = find(&state, &hostname).await?;
    let page = ConfirmPage {
        deed,
        holder: Holder::of(&vm),
        afterwards: Afterwards::of(&vm, state.settings.after_use),
        last: collections::last_whole(&state.db, state.pool).await?.remove(&vm.hostname),
        extension: state.settings.extension.to_string(),
        now: Timestamp::now(),
        hostname: vm.hostname.to_string(),
    };
    Ok(Html(page.render()?))
}

/// Takes a machine that LabLink did not make out of the pool.
#[utoipa::path(post, path = "/admin/machines/{hostname}/forget", params(("hostname" = String, Path)), responses((status = 303, description = "To the instances.")))]
pub async fn forget(
    State(state): State<AppState>,
    Asking(asker): Asking,
    Path(hostname): Path<String>,
) -> Result<Redirect, Problem> {
    let hostname: Hostname = hostname.parse().map_err(|_invalid| no_such_vm())?;
    if !vms::forget(&state.db, state.pool, asker, &hostname).await? {
        return Err(no_such_vm());
    }
    Ok(Redirect::to("/admin/instances"))
}

async fn find(state: &AppState, hostname: &str) -> Result<Vm, Problem> {
    let hostname = hostname.parse().map_err(|_invalid| no_such_vm())?;
    vms::find(&state.db, state.pool, &hostname).await?.ok_or_else(no_such_vm)
}

fn no_such_vm() -> Problem {
    Problem::not_found("There is no VM of this name. It may be gone: look at the list again.")
}
