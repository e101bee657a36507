//! Every path, and who may use it.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::{from_fn, from_fn_with_state},
    routing::{MethodRouter, get, post},
};
use lablink_core::Action::{self, Administer, ForwardLogs, ReadVm, SpeakForVm, Visit};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    AppState,
    auth::guard,
    http::{LARGEST_BATCH, Problem, identify, refuse_cross_site, render_problems, secure},
    routes::{
        agent, assets, claim, destroy, events, health, history, home, instances, launch, log_page,
        metrics, operations, overview, own_log, reports, statuses, vm_logs, vm_metrics, vms, wait,
    },
};

/// Largest body that a request may have, in bytes.
const LARGEST_BODY: usize = 64 * 1024;

type Route = (&'static str, Action, MethodRouter<AppState>);

fn routes() -> Vec<Route> {
    let batches = DefaultBodyLimit::max(LARGEST_BATCH);
    vec![
        // Participants.
        ("/", Visit, get(home::form)),
        ("/api/request_vm", Visit, post(home::request_vm)),
        ("/api/unassigned_vms_count", Visit, get(home::free_count)),
        ("/claims/{link}", Visit, get(claim::page)),
        ("/claims/{link}/command", Visit, post(claim::give_command)),
        ("/claims/{link}/events", Visit, get(events::of_claim)),
        ("/assets/{name}", Visit, get(assets::file)),
        // Agents.
        ("/api/agent/enrol", Visit, post(agent::enrol)),
        ("/vm_startup", SpeakForVm, post(wait::vm_startup)),
        ("/api/agent/heartbeat", SpeakForVm, post(agent::heartbeat)),
        ("/api/agent/claim-result", SpeakForVm, post(agent::claim_result)),
        ("/api/update_inuse_status", SpeakForVm, post(reports::in_use)),
        ("/api/gpu_health", SpeakForVm, post(reports::gpu_health)),
        ("/api/vm-status", SpeakForVm, post(reports::status)),
        ("/api/vm-metrics/{hostname}", SpeakForVm, post(vm_metrics::post)),
        // Agents, and the function that forwards logs.
        ("/api/vm-logs", ForwardLogs, post(vm_logs::forward).layer(batches)),
        // Who wants to know how a VM is.
        ("/api/vm-status", ReadVm, get(statuses::all)),
        ("/api/vm-status/{hostname}", ReadVm, get(statuses::one)),
        ("/api/vm-logs/{hostname}", ReadVm, get(vm_logs::read)),
        ("/api/vm-logs/{hostname}/events", ReadVm, get(vm_logs::events)),
        // Organisers.
        ("/admin", Administer, get(overview::page)),
        ("/admin/create", Administer, get(launch::page)),
        ("/api/launch", Administer, post(launch::launch)),
        ("/admin/instances", Administer, get(instances::page)),
        ("/admin/log", Administer, get(own_log::page)),
        ("/admin/logs/{hostname}", Administer, get(log_page::page)),
        ("/admin/logs/{hostname}/events", Administer, get(log_page::events)),
        ("/admin/logs/{hostname}/download", Administer, get(log_page::download)),
        ("/admin/instances/delete", Administer, get(destroy::page)),
        ("/destroy", Administer, post(destroy::destroy)),
        ("/admin/operations", Administer, get(operations::list_page)),
        ("/admin/operations/{id}", Administer, get(operations::page)),
        ("/admin/operations/{id}/log", Administer, get(operations::log)),
        ("/admin/events", Administer, get(events::of_everything)),
        ("/api/vms", Administer, get(vms::list)),
        ("/api/vms/{hostname}", Administer, get(vms::one).delete(vms::delete)),
        ("/api/vms/{hostname}/replace", Administer, post(destroy::replace)),
        ("/api/vms/{hostname}/release", Administer, post(vms::release)),
        ("/api/events", Administer, get(history::list)),
        ("/api/operations", Administer, get(operations::list)),
        ("/api/operations/{id}", Administer, get(operations::one)),
        ("/api/operations/{id}/cancel", Administer, post(operations::cancel)),
        ("/api/operations/{id}/retry", Administer, post(operations::retry)),
        ("/api/operations/{id}/events", Administer, get(events::of_operation)),
        // Load balancers and service managers.
        ("/healthz", Visit, get(health::alive)),
        ("/health", Visit, get(health::alive)),
        ("/api/health", Visit, get(health::alive)),
        ("/readyz", Visit, get(health::ready)),
        ("/metrics", Visit, get(metrics::metrics)),
    ]
}

/// Every path with what its caller must be allowed to do.
pub fn access_table() -> Vec<(&'static str, Action)> {
    routes().into_iter().map(|(path, action, _)| (path, action)).collect()
}

/// The whole HTTP surface. Read from the bottom: the last layer meets a request first.
pub fn router(state: AppState) -> Router {
    let mut router = Router::new();
    for (path, action, handler) in routes() {
        let guarded = handler.layer(from_fn_with_state((state.clone(), action), guard));
        router = router.route(path, guarded);
    }
    router
        .fallback(|| async { Problem::not_found("There is nothing at this address.") })
        .with_state(state)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn(refuse_cross_site))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(render_problems))
        .layer(from_fn(secure))
        .layer(from_fn(identify))
}

/// A panic is a defect, but one request's: the others go on.
fn panicked(panic: Box<dyn std::any::Any + Send>) -> axum::response::Response {
    let message = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    axum::response::IntoResponse::into_response(Problem::internal(&Panicked(message)))
}

#[derive(Debug, thiserror::Error)]
#[error("a handler panicked: {0}")]
struct Panicked(String);
