use std::collections::HashSet;

use askama::Template;
use axum::{
    extract::State,
    response::{Html, Response},
};
use jiff::Timestamp;
use lablink_core::{
    Scope,
    collections::{self, OnSkipped},
    operations::{self, AskError, OperationId},
    pools::Source,
    vms::{self, Selection, Vm, VmsError},
};
use lablink_protocol::{Hostname, InvalidHostname};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    destroy_page::{DestroyPage, DestroyRow},
    listing::{Listing, PER_PAGE, Which, count},
};
use crate::{
    AppState,
    auth::{Asking, Caller},
    http::{FormOrJson, Problem, Query, VmName, Wants, ticked},
    operations::started::{Started, StartedAnswers, started},
    states::vm::Holder,
};

const PATH: &str = "/admin/instances/delete";

/// What a destroy would remove, to be ticked.
#[utoipa::path(get, path = "", params(Listing), responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page(
    State(state): State<AppState>,
    Caller(scope): Caller,
    Query(listing): Query<Listing>,
) -> Result<Html<String>, Problem> {
    Ok(Html(filled(&state, &scope, &listing, None).await?))
}

/// A misspelt field must not mean all VMs: here alone, unknown fields are refused.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DestroyForm {
    /// Which ones; none: all.
    #[serde(default)]
    #[schema(value_type = Vec<lablink_protocol::Hostname>)]
    hostname: Vec<String>,
    /// Every VM, as an earlier version's page said it.
    #[schema(ignore)]
    all: Option<String>,
    /// A browser's: the VMs that are named, or all that its list has.
    #[schema(ignore)]
    which: Option<Which>,
    /// The browser's list and its page: see [`Listing`].
    #[serde(default)]
    #[schema(ignore)]
    q: String,
    #[serde(default)]
    #[schema(ignore)]
    show: String,
    #[serde(default)]
    #[schema(ignore)]
    after: String,
    #[serde(default)]
    #[schema(ignore)]
    until: String,
    /// How many VMs the list has, as its page told.
    #[schema(ignore)]
    told: Option<i64>,
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
    let listing = Listing::sent_back(&form.q, &form.show, &form.after, &form.until);
    let names_all = form.which == Some(Which::Shown) || form.all.is_some();
    let names_none = form.hostname.is_empty() && !names_all;
    let refused = match wants {
        _ if form.which == Some(Which::Ticked) && names_none => Some("Tick at least one VM."),
        Wants::Json => None,
        Wants::Page if names_none => Some("Tick at least one VM."),
        Wants::Page if form.confirm.is_none() => Some("Tick the box that confirms the loss first."),
        Wants::Page => None,
    };
    if let Some(message) = refused {
        let page = filled(&state, &scope, &listing, Some((&form, message))).await?;
        return Ok(Problem::invalid(message).with_page(page));
    }
    let selection = match form.which {
        Some(Which::Shown) => Selection::Shown { view: listing.view()?, at_most: form.told },
        _ if names_none || form.all.is_some() => Selection::All,
        _ => {
            let hostnames = form.hostname.iter().map(|it| it.parse()).collect::<Result<_, _>>();
            let hostnames =
                hostnames.map_err(|error: InvalidHostname| Problem::invalid(error.to_string()))?;
            Selection::These(hostnames)
        }
    };
    match queue(&scope, &form, &selection).await {
        Ok(id) => started(&state, &scope, wants, &started_as, id).await,
        // The list has changed: its page shows how it is now.
        Err(AskError::Vms(VmsError::Selection(error))) if wants == Wants::Page => {
            let message = error.to_string();
            let page = filled(&state, &scope, &listing, Some((&form, &message))).await?;
            Ok(Problem::from(error).with_page(page))
        }
        Err(error) => Err(error.into()),
    }
}

async fn queue(
    scope: &Scope,
    form: &DestroyForm,
    selection: &Selection,
) -> Result<OperationId, AskError> {
    if !form.collect {
        return operations::destroy(scope, selection).await;
    }
    let extension = scope.pool.rules().results.extension.clone();
    let on_skipped = match form.skipped {
        Some(Skipped::Accept) => OnSkipped::Accept,
        Some(Skipped::Stop) | None => OnSkipped::Stop,
    };
    collections::collect_and_destroy(scope, selection, extension, on_skipped).await
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

/// At first everything is ticked if the page has the whole list; what was refused comes back as it
/// was.
async fn filled(
    state: &AppState,
    scope: &Scope,
    listing: &Listing,
    refused: Option<(&DestroyForm, &str)>,
) -> Result<String, Problem> {
    let view = listing.view()?;
    let found = vms::page(scope, &view, &listing.place()?, PER_PAGE).await?;
    let counts = vms::counts(scope).await?;
    let list = listing.bar(PATH, &found);
    let names: Vec<Hostname> = found.vms.iter().map(|vm| vm.hostname.clone()).collect();
    let last = collections::last_whole(scope, &names).await?;
    let form = refused.map(|(form, _)| form);
    let named: Option<HashSet<&str>> =
        form.map(|form| form.hostname.iter().map(String::as_str).collect());
    let is_ticked = |vm: &Vm| match &named {
        Some(named) => named.contains(vm.hostname.as_str()),
        None => list.is_whole(),
    };
    let row = |vm: &Vm| {
        let is_made = matches!(vm.source, Source::Local | Source::Aws);
        DestroyRow {
            hostname: vm.hostname.to_string(),
            tick: is_made.then(|| is_ticked(vm)),
            last: last.get(&vm.hostname).copied(),
            holder: Holder::of(vm),
        }
    };
    let page = DestroyPage {
        vms: found.vms.iter().map(row).collect(),
        count: count(scope, &view, counts).await?,
        all_shown: form.is_some_and(|form| form.which == Some(Which::Shown)),
        list,
        total: counts.all(),
        claimed: counts.claimed,
        in_use: counts.in_use,
        collect: form.is_none_or(|form| form.collect),
        accept: form.is_some_and(|form| form.skipped == Some(Skipped::Accept)),
        extension: state.pool.rules().results.extension.to_string(),
        error: refused.map(|(_, message)| message.to_owned()),
        now: Timestamp::now(),
    };
    Ok(page.render()?)
}
