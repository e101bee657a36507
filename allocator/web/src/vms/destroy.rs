use askama::Template;
use axum::{
    extract::State,
    response::{Html, IntoResponse, Response},
};
use jiff::Timestamp;
use lablink_core::{
    Scope,
    collections::{self, OnSkipped},
    operations,
    pools::Source,
    vms::{self, Selection, Vm},
};
use lablink_protocol::Hostname;
use serde::Deserialize;
use utoipa::ToSchema;

use super::destroy_page::{DestroyPage, DestroyRow};
use crate::{
    AppState,
    auth::{Asking, Caller},
    http::{FormOrJson, Problem, Query, VmName, Wants, ticked},
    operations::started::{Started, StartedAnswers, started},
    states::vm::Holder,
};

/// Keeps the page under 50 KB.
const LISTED: usize = 90;

/// What a destroy would remove, to be ticked.
#[utoipa::path(get, path = "", responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page(
    State(state): State<AppState>,
    Caller(scope): Caller,
) -> Result<Html<String>, Problem> {
    Ok(Html(filled(&state, &scope, None).await?))
}

/// A misspelt field must not mean all VMs: here alone, unknown fields are refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DestroyForm {
    /// Which ones; none: all.
    #[serde(default)]
    #[schema(value_type = Vec<lablink_protocol::Hostname>)]
    hostname: Vec<String>,
    /// A browser's tick for every VM, where its page lists only some.
    #[schema(ignore)]
    all: Option<String>,
    /// A browser's tick.
    confirm: Option<String>,
    /// Collect the results first, and destroy nothing unless all of them come home.
    #[serde(default, deserialize_with = "ticked")]
    collect: bool,
    /// `accept`: destroy although something was left out that may be results (links to elsewhere,
    /// files in folders that are left out by their names). `stop`, the default: destroy nothing
    /// then. Of use with `collect` alone.
    skipped: Option<Skipped>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Skipped {
    Accept,
    Stop,
}

/// Queues a destroy. A browser says which VMs and ticks that it means it; a program that names
/// none destroys all, as with the original.
#[utoipa::path(post, path = "", params(Started), request_body(content((DestroyForm = "application/x-www-form-urlencoded"), (DestroyForm = "application/json"))), responses(StartedAnswers))]
pub async fn destroy(
    State(state): State<AppState>,
    Asking(scope): Asking,
    wants: Wants,
    Query(started_as): Query<Started>,
    FormOrJson(form): FormOrJson<DestroyForm>,
) -> Result<Response, Problem> {
    let refused = match wants {
        Wants::Json => None,
        Wants::Page if form.hostname.is_empty() && form.all.is_none() => {
            Some("Tick at least one VM.")
        }
        Wants::Page if form.confirm.is_none() => Some("Tick the box that confirms the loss first."),
        Wants::Page => None,
    };
    if let Some(message) = refused {
        let page = filled(&state, &scope, Some((&form, message))).await?;
        return Ok(Problem::invalid(message).with_page(page));
    }
    let hostnames: Result<Vec<Hostname>, _> = form.hostname.iter().map(|it| it.parse()).collect();
    let hostnames = hostnames.map_err(|error| Problem::invalid(error.to_string()))?;
    let selection = if hostnames.is_empty() || form.all.is_some() {
        Selection::All
    } else {
        Selection::These(hostnames)
    };
    let id = if form.collect {
        let extension = scope.pool.rules.results.extension.clone();
        let on_skipped = match form.skipped {
            Some(Skipped::Accept) => OnSkipped::Accept,
            Some(Skipped::Stop) | None => OnSkipped::Stop,
        };
        collections::collect_and_destroy(&scope, &selection, extension, on_skipped).await?
    } else {
        operations::destroy(&scope, &selection).await?
    };
    Ok(started(&state, &scope, wants, &started_as, id).await?.into_response())
}

/// Queues the replacement of one VM by a new one of the same name.
#[utoipa::path(post, path = "", params(("hostname" = String, Path), Started), responses(StartedAnswers))]
pub async fn replace(
    State(state): State<AppState>,
    Asking(scope): Asking,
    wants: Wants,
    Query(started_as): Query<Started>,
    VmName(hostname): VmName,
) -> Result<Response, Problem> {
    let hostnames = vec![hostname];
    let id = operations::replace(&scope, hostnames).await?;
    started(&state, &scope, wants, &started_as, id).await
}

/// At first everything is ticked; what was refused comes back as it was.
async fn filled(
    state: &AppState,
    scope: &Scope,
    refused: Option<(&DestroyForm, &str)>,
) -> Result<String, Problem> {
    let ticked = |vm: &Vm| {
        let named = |form: &DestroyForm| form.hostname.iter().any(|it| it == vm.hostname.as_str());
        refused.is_none_or(|(form, _)| named(form))
    };
    let collect = refused.is_none_or(|(form, _)| form.collect);
    let accept = refused.is_some_and(|(form, _)| form.skipped == Some(Skipped::Accept));
    let error = refused.map(|(_, message)| message.to_owned());
    let vms = vms::list(scope).await?;
    let launched: Vec<&Vm> =
        vms.iter().filter(|vm| matches!(vm.source, Source::Local | Source::Aws)).collect();
    let claimed = launched.iter().filter(|vm| vm.claim.is_some());
    let (claimed, in_use) = (claimed.clone().count(), claimed.filter(|vm| vm.in_use).count());
    let last = collections::last_whole(scope).await?;
    let rows = launched.iter().take(LISTED).map(|vm| DestroyRow {
        hostname: vm.hostname.to_string(),
        ticked: ticked(vm),
        last: last.get(&vm.hostname).copied(),
        holder: Holder::of(vm),
    });
    let (vms, total) = (rows.collect(), launched.len());
    let (extension, now) = (state.pool.rules.results.extension.to_string(), Timestamp::now());
    let page = DestroyPage { vms, total, claimed, in_use, collect, accept, extension, error, now };
    Ok(page.render()?)
}
