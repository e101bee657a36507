//! Every path, and who may use it.

use axum::{
    Router,
    extract::DefaultBodyLimit,
    handler::Handler,
    http::Method,
    middleware::from_fn_with_state,
    routing::{self, MethodRouter},
};
use lablink_core::Action::{
    self, Administer, AwaitClaim, ForwardLogs, ReadVm, RenewToken, SpeakForVm, Visit,
};
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    AppState,
    auth::guard,
    http::{EveryRequest, LARGEST_BATCH, Problem, from_here_alone},
    openapi,
    routes::{
        agent, assets, aws, claim, collections, destroy, events, health, history, home, install,
        instances, launch, line, log_page, machines, metrics, operations, overview, own_log,
        participants, places, reports, results, scp_client, statuses, vm, vm_logs, vm_metrics, vms,
        wait, way_in,
    },
};

/// Largest body that a request may have, in bytes.
const LARGEST_BODY: usize = 64 * 1024;

/// One method of one path, and what its caller must be allowed to do.
struct Route {
    method: Method,
    path: &'static str,
    action: Action,
    sites: Sites,
    handler: MethodRouter<AppState>,
}

/// Whose pages may lead a browser to a path.
enum Sites {
    Any,
    /// Reading it alone does something: our own pages, and programs.
    Own,
}

impl Route {
    /// For bodies that are larger than most.
    fn taking_batches(self) -> Self {
        Self { handler: self.handler.layer(DefaultBodyLimit::max(LARGEST_BATCH)), ..self }
    }

    /// For what does something by being read.
    fn refusing_other_sites(self) -> Self {
        Self { sites: Sites::Own, ..self }
    }
}

fn get<H: Handler<T, AppState>, T: 'static>(path: &'static str, action: Action, of: H) -> Route {
    Route { method: Method::GET, path, action, sites: Sites::Any, handler: routing::get(of) }
}

fn post<H: Handler<T, AppState>, T: 'static>(path: &'static str, action: Action, of: H) -> Route {
    Route { method: Method::POST, path, action, sites: Sites::Any, handler: routing::post(of) }
}

fn delete<H: Handler<T, AppState>, T: 'static>(path: &'static str, action: Action, of: H) -> Route {
    Route { method: Method::DELETE, path, action, sites: Sites::Any, handler: routing::delete(of) }
}

fn routes() -> Vec<Route> {
    vec![
        // Participants.
        get("/", Visit, home::form),
        post("/api/request_vm", Visit, home::request_vm),
        get("/api/unassigned_vms_count", Visit, home::free_count),
        get("/claims/{link}", Visit, claim::page),
        post("/claims/{link}/command", Visit, claim::give_command),
        get("/claims/{link}/return", Visit, claim::return_page),
        post("/claims/{link}/return", Visit, claim::give_back),
        get("/claims/{link}/events", Visit, events::of_claim),
        post("/line", Visit, line::join),
        get("/line/{link}", Visit, line::page),
        post("/line/{link}/claim", Visit, line::claim),
        post("/line/{link}/leave", Visit, line::leave),
        get("/line/{link}/events", Visit, events::of_place),
        get("/assets/{name}", Visit, assets::file),
        // Agents.
        get("/install", Visit, install::script),
        get("/install/lablink-client", Visit, install::program),
        post("/api/agent/enrol", Visit, agent::enrol),
        post("/api/agent/token", RenewToken, agent::renew_token),
        post("/vm_startup", AwaitClaim, wait::vm_startup),
        post("/api/agent/heartbeat", SpeakForVm, agent::heartbeat),
        post("/api/agent/claim-result", SpeakForVm, agent::claim_result),
        post("/api/agent/clean-result", SpeakForVm, agent::clean_result),
        post("/api/update_inuse_status", SpeakForVm, reports::in_use),
        post("/api/gpu_health", SpeakForVm, reports::gpu_health),
        post("/api/vm-status", SpeakForVm, reports::status),
        post("/api/vm-metrics/{hostname}", SpeakForVm, vm_metrics::post),
        // Agents, and the function that forwards logs.
        post("/api/vm-logs", ForwardLogs, vm_logs::forward).taking_batches(),
        // Who wants to know how a VM is.
        get("/api/vm-status", ReadVm, statuses::all),
        get("/api/vm-status/{hostname}", ReadVm, statuses::one),
        get("/api/vm-logs/{hostname}", ReadVm, vm_logs::read),
        get("/api/vm-logs/{hostname}/events", ReadVm, vm_logs::events),
        // Organisers.
        get("/admin", Administer, overview::page),
        get("/admin/create", Administer, launch::page),
        post("/api/launch", Administer, launch::launch),
        get("/admin/instances", Administer, instances::page),
        get("/admin/vms/{hostname}", Administer, vm::page),
        get("/admin/machines", Administer, machines::page),
        post("/admin/machines/{hostname}/install", Administer, machines::install),
        post("/admin/machines/{hostname}/forget", Administer, vm::forget),
        get("/admin/vms/{hostname}/{deed}", Administer, vm::confirm),
        get("/admin/participants", Administer, participants::page),
        get("/admin/claims.csv", Administer, participants::csv),
        get("/admin/claims/{id}", Administer, way_in::page),
        post("/admin/claims/{id}/link", Administer, way_in::link),
        post("/admin/claims/{id}/lock-out", Administer, way_in::lock_out),
        post("/admin/claims/{id}/fresh-machine", Administer, way_in::fresh_machine),
        get("/admin/line/clear", Administer, places::clear_page),
        get("/api/places", Administer, places::list),
        post("/api/places/clear", Administer, places::clear),
        post("/api/places/{id}/remove", Administer, places::remove),
        get("/admin/log", Administer, own_log::page),
        get("/admin/logs/{hostname}", Administer, log_page::page),
        get("/admin/logs/{hostname}/events", Administer, log_page::events),
        get("/admin/logs/{hostname}/download", Administer, log_page::download),
        get("/admin/instances/delete", Administer, destroy::page),
        post("/destroy", Administer, destroy::destroy),
        get("/admin/results", Administer, results::page),
        get("/api/scp-client", Administer, scp_client::download).refusing_other_sites(),
        get("/api/collections", Administer, collections::list),
        post("/api/collections", Administer, collections::collect),
        get("/api/collections/{operation_id}/download", Administer, collections::download)
            .refusing_other_sites(),
        post("/api/collections/{operation_id}/discard", Administer, collections::discard),
        get("/admin/operations", Administer, operations::list_page),
        get("/admin/operations/{id}", Administer, operations::page),
        get("/admin/operations/{id}/log", Administer, operations::log),
        get("/admin/operations/{id}/bring-back", Administer, operations::conflict::bring_back_page),
        get("/admin/operations/{id}/give-up", Administer, operations::conflict::give_up_page),
        get("/admin/aws", Administer, aws::page),
        post("/api/admin/set-aws-credentials", Administer, aws::set),
        post("/api/admin/unset-aws-credentials", Administer, aws::unset),
        get("/admin/events", Administer, events::of_everything),
        get("/api/vms", Administer, vms::list),
        post("/api/vms", Administer, machines::register),
        get("/api/vms/{hostname}", Administer, vms::one),
        delete("/api/vms/{hostname}", Administer, vms::delete),
        post("/api/vms/{hostname}/replace", Administer, destroy::replace),
        post("/api/vms/{hostname}/release", Administer, vms::release),
        post("/api/vms/{hostname}/clean", Administer, vms::clean),
        post("/api/vms/{hostname}/allow", Administer, vms::allow),
        post("/api/vms/{hostname}/reboot", Administer, vms::reboot),
        post("/api/vms/{hostname}/forget-host-key", Administer, vms::forget_host_key),
        get("/api/events", Administer, history::list),
        get("/api/operations", Administer, operations::list),
        get("/api/operations/{id}", Administer, operations::one),
        post("/api/operations/{id}/cancel", Administer, operations::cancel),
        post("/api/operations/{id}/retry", Administer, operations::retry),
        post("/api/operations/{id}/bring-back", Administer, operations::conflict::bring_back),
        post("/api/operations/{id}/give-up", Administer, operations::conflict::give_up),
        get("/api/operations/{id}/events", Administer, events::of_operation),
        // Load balancers and service managers.
        get("/healthz", Visit, health::alive),
        get("/health", Visit, health::alive),
        get("/api/health", Visit, health::alive),
        get("/readyz", Visit, health::ready),
        get("/metrics", Visit, metrics::metrics),
        // Who writes a program.
        get("/openapi.json", Visit, openapi::json),
    ]
}

/// Every method and path with what its caller must be allowed to do.
pub fn access_table() -> Vec<(Method, &'static str, Action)> {
    routes().into_iter().map(|route| (route.method, route.path, route.action)).collect()
}

/// The whole HTTP surface. Read from the bottom: the last layer meets a request first.
pub fn router(state: AppState) -> Router {
    let mut router = Router::new();
    for Route { path, action, sites, handler, .. } in routes() {
        let mut guarded = handler.layer(from_fn_with_state((state.clone(), action), guard));
        if matches!(sites, Sites::Own) {
            guarded = guarded.layer(from_fn_with_state(state.clone(), from_here_alone));
        }
        router = router.route(path, guarded);
    }
    router
        .fallback(|| async { Problem::not_found("There is nothing at this address.") })
        .with_state(state.clone())
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(EveryRequest::new(state))
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
