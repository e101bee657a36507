//! The page of participants' results.

use std::collections::HashSet;

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
use lablink_protocol::Hostname;
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
    vms::listing::count,
};

/// Keeps the page under 50 KB.
const PER_PAGE: i64 = 5;
const PER_PAGE_OF_VMS: u16 = 50;
/// Of the VMs that are ticked and not on the page of the list.
const MOST_TICKED: usize = 60;
const PATH: &str = "/admin/results";
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
    /// As of `/admin/instances`.
    #[serde(default)]
    q: String,
    /// As of `/admin/instances`.
    #[serde(default)]
    show: String,
    /// A page of the VMs: from a link of the page before.
    #[serde(default)]
    after: String,
    /// A page of the VMs: from a link of the page after.
    #[serde(default)]
    until: String,
}

/// What was collected, and the form that collects.
#[utoipa::path(get, path = "", params(Shown), responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page(
    State(state): State<AppState>,
    Caller(scope): Caller,
    ListQuery(shown): ListQuery<Shown>,
) -> Result<Html<String>, Problem> {
    let Shown { before, hostnames, q, show, after, until } = shown;
    let form = Collect { hostnames, q, show, after, until, ..Collect::default() };
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
    let listing = form.listing();
    let view = listing.view()?;
    let page = vms::page(scope, &view, &listing.place()?, PER_PAGE_OF_VMS).await?;
    let list = listing.bar(PATH, &page);
    // Those that are ticked are in sight, whatever the page has.
    let ticked: HashSet<&str> = form.hostnames.iter().map(String::as_str).collect();
    let is_ticked = |vm: &Vm| ticked.contains(vm.hostname.as_str());
    let named: Vec<Hostname> =
        form.hostnames.iter().take(MOST_TICKED).filter_map(|name| name.parse().ok()).collect();
    let mut vms = if named.is_empty() { Vec::new() } else { vms::named(scope, &named).await? };
    let listed: Vec<Vm> =
        page.vms.into_iter().filter(|vm| vms.iter().all(|it| it.id != vm.id)).collect();
    vms.extend(listed);
    let names: Vec<Hostname> = vms.iter().map(|vm| vm.hostname.clone()).collect();
    let last = collections::last_whole(scope, &names).await?;
    let (found, next) = older(scope, before, PER_PAGE).await?;
    let counts = vms::counts(scope).await?;
    let row = |vm: &Vm| ResultsVm {
        hostname: vm.hostname.to_string(),
        ticked: is_ticked(vm),
        holder: vm.claim.as_ref().map(|claim| claim.email.clone()),
        last: last.get(&vm.hostname).copied(),
    };
    let page = ResultsPage {
        extension: form
            .extension
            .clone()
            .unwrap_or_else(|| state.pool.rules().results.extension.to_string()),
        total: counts.all(),
        count: count(scope, &view, counts).await?,
        list,
        vms: vms.iter().map(row).collect(),
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
