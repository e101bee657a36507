//! The ways out of a conflict between Terraform's state and the VMs that exist.

use askama::Template;
use axum::{
    extract::State,
    response::{Html, Response},
};
use lablink_core::{
    Scope,
    operations::{self, OperationId, SolveError},
    pools::Source,
    state::{self as known, Conflict},
    vms::{self, Vm},
};
use lablink_protocol::Hostname;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    conflict_page::{ConflictPage, ConflictVm, WayOut},
    find::find,
    started::{Started, StartedAnswers, started},
};
use crate::{
    AppState,
    auth::{Asking, Caller},
    http::{FormOrJson, Path, Problem, Query, Wants},
    states::vm::Holder,
};

/// Asks before what Terraform's state lacks is put back into it.
#[utoipa::path(get, path = "", params(("id" = i64, Path)), responses((status = 200, content_type = "text/html", body = String)))]
pub async fn bring_back_page(
    Caller(scope): Caller,
    Path(id): Path<OperationId>,
) -> Result<Html<String>, Problem> {
    Ok(Html(filled(&scope, id, WayOut::BringBack, None).await?))
}

/// Asks before VMs that Terraform's state lacks are given up.
#[utoipa::path(get, path = "", params(("id" = i64, Path)), responses((status = 200, content_type = "text/html", body = String)))]
pub async fn give_up_page(
    Caller(scope): Caller,
    Path(id): Path<OperationId>,
) -> Result<Html<String>, Problem> {
    Ok(Html(filled(&scope, id, WayOut::GiveUp, None).await?))
}

/// Queues that the VMs which this operation found missing from Terraform's state are put back into
/// it.
#[utoipa::path(post, path = "", params(("id" = i64, Path), Started), responses(StartedAnswers))]
pub async fn bring_back(
    State(state): State<AppState>,
    Asking(scope): Asking,
    wants: Wants,
    Query(started_as): Query<Started>,
    Path(id): Path<OperationId>,
) -> Result<Response, Problem> {
    let queued = operations::bring_back(&scope, id).await?;
    started(&state, &scope, wants, &started_as, queued).await
}

/// The form names each VM, so unknown fields are refused here, too.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GiveUpForm {
    /// All VMs that Terraform's state lacks, and no others.
    #[serde(default)]
    #[schema(value_type = Vec<lablink_protocol::Hostname>)]
    hostname: Vec<String>,
    /// A browser's tick.
    confirm: Option<String>,
}

/// Queues that the VMs which this operation found missing from Terraform's state are given up: their
/// claims end, and machines that are found are removed. The state counts as it is from then on.
#[utoipa::path(post, path = "", params(("id" = i64, Path), Started), request_body(content((GiveUpForm = "application/x-www-form-urlencoded"), (GiveUpForm = "application/json"))), responses(StartedAnswers))]
pub async fn give_up(
    State(state): State<AppState>,
    Asking(scope): Asking,
    wants: Wants,
    Query(started_as): Query<Started>,
    Path(id): Path<OperationId>,
    FormOrJson(form): FormOrJson<GiveUpForm>,
) -> Result<Response, Problem> {
    if wants == Wants::Page && form.confirm.is_none() {
        let message = "Tick the box that confirms the loss first.";
        let page = filled(&scope, id, WayOut::GiveUp, Some(message)).await?;
        return Ok(Problem::invalid(message).with_page(page));
    }
    let named: Result<Vec<Hostname>, _> = form.hostname.iter().map(|it| it.parse()).collect();
    let named = named.map_err(|error| Problem::invalid(error.to_string()))?;
    let queued = operations::give_up(&scope, id, named).await?;
    started(&state, &scope, wants, &started_as, queued).await
}

impl From<SolveError> for Problem {
    fn from(error: SolveError) -> Self {
        match error {
            SolveError::NoConflict => Self::conflict("no_conflict", error.to_string()),
            SolveError::NotThese(_) => Self::invalid(error.to_string()),
            SolveError::Db(error) => error.into(),
        }
    }
}

async fn filled(
    scope: &Scope,
    id: OperationId,
    way: WayOut,
    error: Option<&str>,
) -> Result<String, Problem> {
    find(scope, id).await?;
    let conflict = known::conflict_of(scope, id).await?;
    let Some(Conflict { fault: wrong, hostnames, .. }) = conflict.filter(|it| !it.solved) else {
        return Err(SolveError::NoConflict.into());
    };
    let rows = vms::named(scope, &hostnames).await?;
    let row = |hostname: &Hostname| rows.iter().find(|vm| vm.hostname == *hostname);
    let page = ConflictPage {
        operation: id.into(),
        way,
        fault: wrong,
        vms: hostnames.iter().map(|hostname| conflict_vm(hostname, row(hostname))).collect(),
        error: error.map(str::to_owned),
    };
    Ok(page.render()?)
}

fn conflict_vm(hostname: &Hostname, vm: Option<&Vm>) -> ConflictVm {
    let holder = vm.and_then(Holder::of);
    let in_cloud = vm.is_some_and(|vm| vm.source == Source::Aws);
    ConflictVm { hostname: hostname.to_string(), holder, in_cloud }
}
