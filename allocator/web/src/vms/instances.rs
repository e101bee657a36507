use askama::Template;
use axum::{extract::State, response::Html};
use jiff::Timestamp;
use lablink_core::{
    pools::{AfterUse, StaleAfter},
    vms::{self, Vm},
};

use super::{
    instances_page::{InstanceRow, InstancesPage},
    listing::{Listing, PER_PAGE, counted},
};
use crate::{
    AppState,
    auth::Caller,
    http::{Problem, Query},
    states::{
        used_note::UsedNote,
        vm::{InstanceClaim, VmState},
    },
};

/// The VMs that are there, page by page.
#[utoipa::path(get, path = "", params(Listing), responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page(
    State(state): State<AppState>,
    Caller(scope): Caller,
    Query(listing): Query<Listing>,
) -> Result<Html<String>, Problem> {
    let now = Timestamp::now();
    let (stale_after, rule) =
        (state.pool.rules().machines.stale_after, state.pool.rules().machines.after_use);
    let view = listing.view()?;
    let found = vms::page(&scope, &view, &listing.place()?, PER_PAGE).await?;
    let page = InstancesPage {
        count: counted(&view, vms::counts(&scope).await?),
        list: listing.bar("/admin/instances", &found),
        instances: found.vms.iter().map(|vm| row(vm, now, stale_after, rule)).collect(),
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
