//! VMs as JSON, for organisers' scripts.

use axum::{
    Json,
    extract::{Path, Query, State},
    http::{StatusCode, header::LOCATION},
    response::{IntoResponse, Redirect, Response},
};
use lablink_core::{
    claims::ReleaseReason,
    operations::{self, OperationId, TakeBack, Whose},
    vms::{self, Selection, Vm},
};
use lablink_protocol::Hostname;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    AppState,
    auth::Caller,
    http::{FormOrJson, Problem, Wants},
};

const PER_PAGE: u16 = 100;
const MOST_PER_PAGE: u16 = 1000;

#[derive(Deserialize)]
pub struct Page {
    after: Option<String>,
    limit: Option<u16>,
}

pub async fn list(
    State(state): State<AppState>,
    Query(page): Query<Page>,
) -> Result<Json<Value>, Problem> {
    let after = page.after.map(|text| text.parse()).transpose()?;
    let limit = page.limit.unwrap_or(PER_PAGE).clamp(1, MOST_PER_PAGE);
    let (vms, next) = vms::page(&state.db, state.pool, after, limit).await?;
    let vms: Vec<Value> = vms.iter().map(wire).collect();
    Ok(Json(json!({ "vms": vms, "next": next.map(|cursor| cursor.to_string()) })))
}

pub async fn one(
    State(state): State<AppState>,
    Path(hostname): Path<String>,
) -> Result<Json<Value>, Problem> {
    let hostname = named(&hostname)?;
    let vm = vms::find(&state.db, state.pool, &hostname).await?;
    Ok(Json(wire(&vm.ok_or_else(no_such_vm)?)))
}

/// Queues the removal of one VM; or takes a registered machine out of the pool.
pub async fn delete(
    State(state): State<AppState>,
    Caller(actor): Caller,
    Path(hostname): Path<String>,
) -> Result<Response, Problem> {
    let hostname = named(&hostname)?;
    // A machine that LabLink did not make only leaves the pool, at once.
    if vms::forget(&state.db, state.pool, &actor, &hostname).await? {
        return Ok(Json(json!({ "hostname": hostname })).into_response());
    }
    let selection = Selection::These(vec![hostname]);
    Ok(queued(operations::destroy(&state.db, state.pool, &actor, &selection).await?))
}

#[derive(Deserialize)]
pub struct Release {
    #[serde(default)]
    then: Then,
}

/// What becomes of a VM that its participant no longer has.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Then {
    /// A fresh one takes its place: nobody meets a stranger's files.
    #[default]
    Replace,
    /// It goes back to the pool as it is.
    Reuse,
}

/// Takes a VM back from its participant.
pub async fn release(
    State(state): State<AppState>,
    Caller(actor): Caller,
    wants: Wants,
    Path(hostname): Path<String>,
    FormOrJson(Release { then }): FormOrJson<Release>,
) -> Result<Response, Problem> {
    let hostname = named(&hostname)?;
    let wish = TakeBack {
        hostname: &hostname,
        whose: Whose::Anybodys,
        reason: ReleaseReason::Released,
        then: match then {
            Then::Replace => operations::Then::Replace,
            Then::Reuse => operations::Then::Reuse,
        },
    };
    let stale_after = state.settings.stale_after;
    let queued_as =
        operations::take_back(&state.db, state.pool, stale_after, &actor, &wish).await?;
    Ok(match (queued_as, wants) {
        (Some(id), Wants::Page) => Redirect::to(&format!("/admin/operations/{id}")).into_response(),
        (None, Wants::Page) => Redirect::to(&format!("/admin/vms/{hostname}")).into_response(),
        (Some(id), Wants::Json) => queued(id),
        (None, Wants::Json) => Json(json!({ "hostname": hostname })).into_response(),
    })
}

fn queued(id: OperationId) -> Response {
    let location = [(LOCATION, format!("/api/operations/{id}"))];
    (StatusCode::ACCEPTED, location, Json(json!({ "operation_id": id }))).into_response()
}

fn named(hostname: &str) -> Result<Hostname, Problem> {
    hostname.parse().map_err(|_invalid| no_such_vm())
}

fn no_such_vm() -> Problem {
    Problem::not_found("VM not found.")
}

/// A VM on the wire. The PIN stays on the pages of those whom it concerns.
fn wire(vm: &Vm) -> Value {
    json!({
        "hostname": vm.hostname,
        "number": vm.number,
        "source": vm.source.as_str(),
        "status": vm.status,
        "reason": vm.status_reason,
        "gpu": vm.gpu.map(|gpu| gpu.as_str()),
        "in_use": vm.in_use,
        "removing": vm.removing,
        "last_seen": vm.last_seen,
        "created_at": vm.created_at,
        "claim": vm.claim.as_ref().map(|claim| json!({
            "email": claim.email,
            "state": claim.state.as_str(),
            "detail": claim.detail,
            "since": claim.since,
        })),
    })
}
