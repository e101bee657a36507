use askama::Template;
use axum::{extract::State, response::Html};
use jiff::Timestamp;
use lablink_core::{
    pools::{AfterUse, StaleAfter},
    vms::{self, Search, Sort, Vm},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::instances_page::{InstanceRow, InstancesPage, InstancesSearch};
use crate::{
    AppState,
    auth::Caller,
    http::{Problem, Query, write_one_of},
    states::{
        used_note::UsedNote,
        vm::{InstanceClaim, VmState},
    },
};

/// Keeps the page under 50 KB.
const PER_PAGE: i64 = 60;
/// Nobody leafs further; and the database would have to count that far.
const LAST_PAGE: i64 = 10_000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// A part of the hostname or the e-mail.
    #[serde(default)]
    q: String,
    /// One of these words; empty: any.
    #[serde(default)]
    #[param(
        pattern = "^(removing|barred|failed|unhealthy|overdue|starting|used|token_due|suspect|stale|claimed|offered|free)?$"
    )]
    state: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    page: String,
}

impl Wanted {
    /// What can't be read counts as not chosen, but for the state: a list must not show more than
    /// was asked for.
    fn parse(&self) -> Result<(Search, i64), Problem> {
        let unknown = |_unknown| {
            let words = vms::State::ALL.iter().map(|state| state.as_str());
            Problem::invalid(write_one_of("state", words))
        };
        let state = Some(self.state.as_str()).filter(|word| !word.is_empty());
        let page = self.page.parse().unwrap_or(1).clamp(1, LAST_PAGE);
        let search = Search {
            text: self.q.trim().replace('\0', "").chars().take(100).collect(),
            state: state.map(|word| word.parse().map_err(unknown)).transpose()?,
            sort: self.sort.parse().unwrap_or(Sort::Number),
            from: (page - 1) * PER_PAGE,
            limit: PER_PAGE,
        };
        Ok((search, page))
    }
}

/// The VMs that are there, page by page.
#[utoipa::path(get, path = "", params(Wanted), responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page(
    State(state): State<AppState>,
    Caller(scope): Caller,
    Query(wanted): Query<Wanted>,
) -> Result<Html<String>, Problem> {
    let now = Timestamp::now();
    let (stale_after, rule) =
        (state.pool.rules.machines.stale_after, state.pool.rules.machines.after_use);
    let (search, page) = wanted.parse()?;
    let found = vms::search(&scope, &search).await?;
    let page = InstancesPage {
        total: found.total,
        instances: found.vms.iter().map(|vm| row(vm, now, stale_after, rule)).collect(),
        search: InstancesSearch { q: search.text, state: wanted.state, sort: wanted.sort },
        page,
        pages: (found.total + PER_PAGE - 1) / PER_PAGE,
        now,
    };
    Ok(Html(page.render()?))
}

fn row(vm: &Vm, now: Timestamp, stale_after: StaleAfter, rule: AfterUse) -> InstanceRow {
    let state = VmState::of(vm, now, stale_after);
    InstanceRow {
        number: vm.number,
        hostname: vm.hostname.to_string(),
        state,
        used: UsedNote::of(vm, rule, now, stale_after),
        claim: InstanceClaim::of(vm),
        gpu: vm.gpu.into(),
        last_seen: vm.last_seen,
        created_at: vm.created_at,
    }
}
