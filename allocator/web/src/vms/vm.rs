//! The page of one VM, and the pages that ask before something is done to it.

use std::slice;

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
    Scope, agents,
    claims::{self, ClaimRecord, Which},
    collections, events, logs, ssh, startup,
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
    auth::{Asking, Caller},
    history::happening::Happening,
    http::{Path, Problem, VmName},
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
#[utoipa::path(get, path = "", params(("hostname" = String, Path)), responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page(
    State(state): State<AppState>,
    Caller(scope): Caller,
    VmName(hostname): VmName,
) -> Result<Html<String>, Problem> {
    let (db, now) = (&state.db, Timestamp::now());
    let vm = find(&scope, &hostname).await?;
    let start = startup::of_start(db, vm.id).await?;
    let history = claims::list(&scope, Which::OfVm(&vm.hostname), None, CLAIMS_SHOWN).await?;
    let happened = events::of_vm(&scope, &vm.hostname, HAPPENINGS_SHOWN).await?;
    let page = VmPage {
        hostname: vm.hostname.to_string(),
        source: vm.source,
        state: VmState::of(&vm, now, state.pool.rules().machines.stale_after),
        used: UsedNote::of(
            &vm,
            state.pool.rules().machines.after_use,
            now,
            state.pool.rules().machines.stale_after,
        ),
        gpu: vm.gpu.into(),
        gpu_reason: vm.gpu_reason.clone(),
        // A newer agent may send what can't be read: it is not shown.
        vitals: vm
            .vitals
            .clone()
            .and_then(|vitals| serde_json::from_value(vitals).ok())
            .unwrap_or_default(),
        instance: vm.instance.clone(),
        setup: startup::setup(db, vm.id).await?,
        last_seen: vm.last_seen,
        created_at: vm.created_at,
        never_enrolled: agents::has_never_enrolled(db, vm.id).await?,
        waits: waits(&vm),
        shelter: shelter(&state, &vm).await?,
        host_key: ssh::host_key(&scope, &vm.hostname).await?.map(|key| fingerprint(&key)),
        timeline: Timeline { rows: start.iter().map(TimelineRow::from).collect() },
        dropped: logs::dropped(db, vm.id).await?.map(|dropped| (dropped.lines, dropped.at)),
        claims: history.into_iter().map(past).collect(),
        happenings: happened.into_iter().map(Happening::from).collect(),
        claim: InstanceClaim::of(&vm),
        now,
    };
    Ok(Html(page.render()?))
}

/// What keeps an operation from making its machine for now.
fn waits(vm: &Vm) -> Option<String> {
    let is_waiting = vm.status == VmStatus::Initializing && vm.starting_since.is_none();
    vm.status_reason.clone().filter(|_| is_waiting && vm.claim.is_none())
}

/// Why earlier participants are not wholly shut off from the next claim.
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
        end: claim.ended.map(|ended| (ended.at, ended.reason)),
    }
}

/// Asks before something is lost.
#[utoipa::path(get, path = "", params(("hostname" = String, Path), ("deed" = String, Path)), responses((status = 200, content_type = "text/html", body = String)))]
pub async fn confirm(
    State(state): State<AppState>,
    Caller(scope): Caller,
    VmName(hostname): VmName,
    Path((_, deed)): Path<(String, String)>,
) -> Result<Html<String>, Problem> {
    let deed = Deed::ALL.into_iter().find(|it| it.word() == deed);
    let deed = deed.ok_or_else(|| Problem::not_found("There is nothing at this address."))?;
    let vm = find(&scope, &hostname).await?;
    let page = ConfirmPage {
        deed,
        holder: Holder::of(&vm),
        afterwards: Afterwards::of(&vm, state.pool.rules().machines.after_use),
        last: collections::last_whole(&scope, slice::from_ref(&vm.hostname))
            .await?
            .remove(&vm.hostname),
        extension: state.pool.rules().results.extension.to_string(),
        now: Timestamp::now(),
        hostname: vm.hostname.to_string(),
    };
    Ok(Html(page.render()?))
}

/// Takes a machine that LabLink did not make out of the pool.
#[utoipa::path(post, path = "", params(("hostname" = String, Path)), responses((status = 303, description = "To the instances.")))]
pub async fn forget(Asking(scope): Asking, VmName(hostname): VmName) -> Result<Redirect, Problem> {
    if !vms::forget(&scope, &hostname).await? {
        return Err(VmName::unknown());
    }
    Ok(Redirect::to("/admin/instances"))
}

async fn find(scope: &Scope, hostname: &Hostname) -> Result<Vm, Problem> {
    vms::find(scope, hostname).await?.ok_or_else(VmName::unknown)
}
