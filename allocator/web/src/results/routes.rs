//! The page of participants' results.

use askama::Template;
use axum::{
    extract::State,
    response::{Html, Response},
};
use jiff::Timestamp;
use lablink_core::{
    Scope,
    collections::{self, Collected, Collection},
    operations::OperationId,
    vms::{self, Vm},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    form::Collect,
    page::{CollectionCard, ResultsPage, ResultsVm, VmOutcome},
};
use crate::{
    AppState,
    auth::Caller,
    http::{ListQuery, Problem},
    links,
    operations::summary::OperationSummary,
    states::archive::ArchiveCard,
};

/// Keeps the page under 50 KB.
const PER_PAGE: i64 = 5;
const VMS_LISTED: usize = 60;
const OUTCOMES_LISTED: usize = 6;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Shown {
    /// Only collections that are older than this one.
    #[param(value_type = Option<i64>)]
    before: Option<OperationId>,
    /// VMs that are ticked already; may be repeated.
    #[serde(default)]
    hostnames: Vec<String>,
}

/// What was collected, and the form that collects.
#[utoipa::path(get, path = "", params(Shown), responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page(
    State(state): State<AppState>,
    Caller(scope): Caller,
    ListQuery(Shown { before, hostnames }): ListQuery<Shown>,
) -> Result<Html<String>, Problem> {
    let form = Collect { hostnames, extension: None };
    Ok(Html(filled(&state, &scope, &form, before, None).await?))
}

/// The page again, as the form was sent, with what is wrong about it.
pub async fn refused(
    state: &AppState,
    scope: &Scope,
    form: &Collect,
    problem: Problem,
) -> Result<Response, Problem> {
    let message = problem.message().to_owned();
    let page = filled(state, scope, form, None, Some(message)).await?;
    Ok(problem.with_page(page))
}

async fn filled(
    state: &AppState,
    scope: &Scope,
    form: &Collect,
    before: Option<OperationId>,
    error: Option<String>,
) -> Result<String, Problem> {
    let mut vms = vms::list(scope).await?;
    let ticked = |vm: &Vm| form.hostnames.iter().any(|name| name == vm.hostname.as_str());
    // Where not all are listed, those that are ticked must be.
    vms.sort_by_key(|vm| !ticked(vm));
    let last = collections::last_whole(scope).await?;
    let (found, next) = older(scope, before, PER_PAGE).await?;
    let listed = |vm: &Vm| ResultsVm {
        hostname: vm.hostname.to_string(),
        ticked: ticked(vm),
        holder: vm.claim.as_ref().map(|claim| claim.email.clone()),
        last: last.get(&vm.hostname).copied(),
    };
    let page = ResultsPage {
        extension: form
            .extension
            .clone()
            .unwrap_or_else(|| state.pool.rules.results.extension.to_string()),
        total: vms.len(),
        vms: vms.iter().take(VMS_LISTED).map(listed).collect(),
        collections: found.into_iter().map(|it| card(state, it)).collect(),
        next: next.map(links::results_before),
        error,
        now: Timestamp::now(),
    };
    Ok(page.render()?)
}

/// One page of collections and the cursor of the next.
pub async fn older(
    scope: &Scope,
    before: Option<OperationId>,
    limit: i64,
) -> Result<(Vec<Collection>, Option<OperationId>), Problem> {
    let found = collections::list(scope, before, limit).await?;
    let next = crate::http::older(&found, limit, |last| last.operation.id);
    Ok((found, next))
}

fn card(state: &AppState, collection: Collection) -> CollectionCard {
    let archive = ArchiveCard::of(&collection, &*state.collector);
    let Collection { operation, extension, mut vms, .. } = collection;
    let failed = vms.iter().filter(|vm| vm.failure.is_some()).count();
    let (files, bytes) = (vms.iter().map(|vm| vm.files).sum(), vms.iter().map(|vm| vm.bytes).sum());
    let skipped = vms.iter().map(|vm| vm.skipped).sum();
    // Those that failed come first, then those of which something was left out.
    vms.sort_by_key(|vm| (vm.failure.is_none(), vm.skipped == 0));
    CollectionCard {
        operation: OperationSummary::of(&operation),
        reason: operation.reason,
        extension: extension.to_string(),
        archive,
        failed,
        skipped,
        files,
        bytes,
        more: vms.len().saturating_sub(OUTCOMES_LISTED),
        vms: vms.into_iter().take(OUTCOMES_LISTED).map(outcome).collect(),
    }
}

fn outcome(vm: Collected) -> VmOutcome {
    VmOutcome {
        hostname: vm.hostname.to_string(),
        files: vm.files,
        bytes: vm.bytes,
        unread: vm.unread,
        skipped: vm.skipped_what,
        seconds: vm.seconds,
        failure: vm.failure,
    }
}
