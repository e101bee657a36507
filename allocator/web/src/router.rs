//! Every path, and who may use it.

use std::collections::HashMap;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::Method,
    middleware::{from_fn, from_fn_with_state},
};
use lablink_core::{
    Action::{self, AwaitClaim, Do, ForwardLogs, ReadVm, RenewToken, SpeakForVm, Visit},
    Permission::*,
};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa_axum::routes;

use crate::{
    AgentAuth, AppState,
    agents::{api as agent, install, reports, vm_metrics, wait},
    assets,
    auth::guard,
    aws::routes as aws,
    channels::{agent as channel_of_agent, participant as channel_of_participant},
    claims::{desktop, routes as claim},
    doctor::routes as doctor,
    history::routes as history,
    http::{
        Problem, back_to_form,
        tag::{self, Tagged},
    },
    layers::{EveryRequest, from_here_alone},
    line::{places, routes as line},
    live::{changes, events},
    logs::{follow, forward, own as own_log, read, routes as log_page},
    machines::routes as machines,
    monitoring::{health, metrics, tasks},
    operations::{conflict, routes as operations},
    overview::{api as pool, routes as overview},
    participants::{csv, list as claims, routes as participants, way_in},
    request::routes as home,
    results::{archive, collections, routes as results, scp_client},
    route::{Route, Sites, begin, delete, get, post},
    vms::{api as vms, destroy, instances, launch, preflight, statuses, vm},
};

/// Largest body that a request may have, in bytes.
const LARGEST_BODY: usize = 64 * 1024;

/// Routes that the `OpenAPI` document describes as their handlers do, in the group of their module.
macro_rules! described {
    [$($route:ident($path:literal, $action:expr, $($form:literal,)? $module:ident::$handler:ident $(,)?)
        $(.$more:ident())*),* $(,)?] => {
        vec![$(
            $route($path, $action, $($form,)? $module::$handler)
                .described(stringify!($module), routes!($module::$handler))
                $(.$more())*
        ),*]
    };
}

/// The one list: requests are routed by it, the guard asks what it says, the document describes it.
fn all_routes() -> Vec<Route> {
    let mut routes = described![
        // Participants.
        get("/", Visit, home::form),
        begin("/api/request_vm", Visit, "/", home::request_vm),
        get("/api/unassigned_vms_count", Visit, home::free_count).tagged_by_content(),
        get("/claims/{link}", Visit, claim::page),
        get("/claims/{link}/desktop", Visit, desktop::page),
        begin("/claims/{link}/command", Visit, "/claims/{link}", claim::give_command),
        get("/claims/{link}/return", Visit, claim::return_page),
        begin("/claims/{link}/return", Visit, "/claims/{link}/return", claim::give_back),
        get("/claims/{link}/events", Visit, events::of_claim),
        get("/claims/{link}/channel/{target}", Visit, channel_of_participant::channel)
            .refusing_other_sites(),
        begin("/line", Visit, "/", line::join),
        get("/line/{link}", Visit, line::page),
        begin("/line/{link}/claim", Visit, "/line/{link}", line::claim),
        begin("/line/{link}/leave", Visit, "/line/{link}", line::leave),
        get("/line/{link}/events", Visit, events::of_place),
        // Agents.
        get("/install", Visit, install::script),
        get("/install/lablink-client", Visit, install::program),
        post("/api/agent/enrol", Visit, agent::enrol),
        post("/api/agent/token", RenewToken, agent::renew_token),
        post("/vm_startup", AwaitClaim, wait::vm_startup),
        get("/api/agent/channels/{channel_id}", SpeakForVm, channel_of_agent::dial),
        // Other allocators.
        get("/api/channels/{channel_id}", Visit, channel_of_agent::meet),
        // Agents.
        post("/api/agent/heartbeat", SpeakForVm, agent::heartbeat),
        post("/api/agent/claim-result", SpeakForVm, agent::claim_result),
        post("/api/agent/clean-result", SpeakForVm, agent::clean_result),
        post("/api/update_inuse_status", SpeakForVm, reports::in_use),
        post("/api/gpu_health", SpeakForVm, reports::gpu_health),
        post("/api/vm-status", SpeakForVm, reports::status),
        post("/api/vm-metrics/{hostname}", SpeakForVm, vm_metrics::post),
        // Agents, and the function that forwards logs.
        post("/api/vm-logs", ForwardLogs, forward::forward).taking_batches(),
        // Agents and organisers: how a VM is.
        get("/api/vm-status", ReadVm(VmView), statuses::all).tagged_by_changes(),
        get("/api/vm-status/{hostname}", ReadVm(VmView), statuses::one),
        get("/api/vm-logs/{hostname}", ReadVm(LogView), read::read),
        get("/api/vm-logs/{hostname}/events", ReadVm(LogView), follow::events),
        // Organisers.
        get("/admin", Do(PoolView), overview::page),
        get("/admin/create", Do(VmLaunch), launch::page),
        get("/api/preflight", Do(VmLaunch), preflight::report),
        begin("/api/launch", Do(VmLaunch), "/admin/create", launch::launch),
        get("/admin/instances", Do(VmView), instances::page),
        get("/admin/vms/{hostname}", Do(VmView), vm::page),
        get("/admin/machines", Do(MachineRegister), machines::page),
        begin(
            "/admin/machines/{hostname}/install",
            Do(MachineRegister),
            "/admin/vms/{hostname}",
            machines::install,
        ),
        begin(
            "/admin/machines/{hostname}/forget",
            Do(MachineForget),
            "/admin/vms/{hostname}/forget",
            vm::forget,
        ),
        get("/admin/vms/{hostname}/{deed}", Do(VmView), vm::confirm),
        get("/admin/participants", Do(ClaimView), participants::page),
        get("/admin/claims.csv", Do(ClaimExport), csv::csv),
        get("/admin/claims/{id}", Do(ClaimView), way_in::page),
        begin("/admin/claims/{id}/link", Do(ClaimLink), "/admin/claims/{id}", way_in::link),
        begin(
            "/admin/claims/{id}/lock-out",
            Do(ClaimLockOut),
            "/admin/claims/{id}",
            way_in::lock_out,
        ),
        begin(
            "/admin/claims/{id}/fresh-machine",
            Do(ClaimFreshMachine),
            "/admin/claims/{id}",
            way_in::fresh_machine,
        ),
        get("/admin/line/clear", Do(LineRemove), places::clear_page),
        get("/api/places", Do(LineView), places::list),
        begin("/api/places/clear", Do(LineRemove), "/admin/line/clear", places::clear)
            .without_body_too(),
        begin("/api/places/{id}/remove", Do(LineRemove), "/admin/participants", places::remove),
        get("/admin/log", Do(InstallationView), own_log::page),
        get("/admin/tasks", Do(InstallationView), tasks::page),
        get("/admin/doctor", Do(InstallationView), doctor::page).refusing_other_sites(),
        get("/admin/doctor/{code}", Do(InstallationView), doctor::guide),
        get("/api/doctor", Do(InstallationView), doctor::report).refusing_other_sites(),
        get("/admin/logs/{hostname}", Do(LogView), log_page::page),
        get("/admin/logs/{hostname}/download", Do(LogView), log_page::download),
        get("/admin/instances/delete", Do(VmDestroy), destroy::page),
        begin("/destroy", Do(VmDestroy), "/admin/instances/delete", destroy::destroy)
            .without_body_too(),
        get("/admin/results", Do(ResultsView), results::page),
        get("/api/scp-client", Do(ResultsDownload), scp_client::download).refusing_other_sites(),
        get("/api/collections", Do(ResultsView), collections::list),
        begin("/api/collections", Do(ResultsCollect), "/admin/results", collections::collect)
            .without_body_too(),
        get("/api/collections/{operation_id}/download", Do(ResultsDownload), archive::download)
            .refusing_other_sites(),
        begin(
            "/api/collections/{operation_id}/discard",
            Do(ResultsDiscard),
            "/admin/results",
            archive::discard,
        ),
        get("/admin/operations", Do(OperationView), operations::list_page),
        get("/admin/operations/{id}", Do(OperationView), operations::page),
        get("/admin/operations/{id}/log", Do(OperationView), operations::log),
        get("/admin/operations/{id}/bring-back", Do(OperationSolve), conflict::bring_back_page),
        get("/admin/operations/{id}/give-up", Do(OperationSolve), conflict::give_up_page),
        get("/admin/aws", Do(CloudKeysView), aws::page),
        begin("/api/admin/set-aws-credentials", Do(CloudKeysEdit), "/admin/aws", aws::set),
        begin("/api/admin/unset-aws-credentials", Do(CloudKeysEdit), "/admin/aws", aws::unset),
        get("/api/vms", Do(VmView), vms::list).tagged_by_content(),
        begin("/api/vms", Do(MachineRegister), "/admin/machines", machines::register)
            .without_body_too(),
        get("/api/vms/{hostname}", Do(VmView), vms::one),
        delete("/api/vms/{hostname}", Do(VmDestroy), vms::delete),
        begin(
            "/api/vms/{hostname}/replace",
            Do(VmReplace),
            "/admin/vms/{hostname}/replace",
            destroy::replace,
        ),
        begin(
            "/api/vms/{hostname}/release",
            Do(ClaimRelease),
            "/admin/vms/{hostname}/release",
            vms::release,
        )
        .without_body_too(),
        begin("/api/vms/{hostname}/clean", Do(VmRecover), "/admin/vms/{hostname}", vms::clean),
        begin("/api/vms/{hostname}/allow", Do(VmRecover), "/admin/vms/{hostname}", vms::allow),
        begin(
            "/api/vms/{hostname}/reboot",
            Do(VmReboot),
            "/admin/vms/{hostname}/reboot",
            vms::reboot,
        ),
        begin(
            "/api/vms/{hostname}/forget-host-key",
            Do(HostKeyForget),
            "/admin/vms/{hostname}",
            vms::forget_host_key,
        ),
        get("/api/events", Do(EventView), history::list),
        get("/api/claims", Do(ClaimExport), claims::list),
        get("/api/pool", Do(PoolView), pool::pool),
        get("/api/starts", Do(VmView), pool::starts),
        get("/api/usage", Do(PoolView), pool::usage),
        get("/api/operations", Do(OperationView), operations::list).tagged_by_content(),
        get("/api/operations/{id}", Do(OperationView), operations::one),
        begin(
            "/api/operations/{id}/cancel",
            Do(OperationCancel),
            "/admin/operations/{id}",
            operations::cancel,
        ),
        begin(
            "/api/operations/{id}/approve",
            Do(OperationApprove),
            "/admin/operations/{id}",
            operations::approve,
        ),
        begin(
            "/api/operations/{id}/reject",
            Do(OperationApprove),
            "/admin/operations/{id}",
            operations::reject,
        ),
        begin(
            "/api/operations/{id}/retry",
            Do(OperationRetry),
            "/admin/operations/{id}",
            operations::retry,
        ),
        begin(
            "/api/operations/{id}/bring-back",
            Do(OperationSolve),
            "/admin/operations/{id}/bring-back",
            conflict::bring_back,
        ),
        begin(
            "/api/operations/{id}/give-up",
            Do(OperationSolve),
            "/admin/operations/{id}/give-up",
            conflict::give_up,
        ),
        get("/api/operations/{id}/events", Do(OperationView), events::of_operation),
        // Load balancers and service managers.
        get("/healthz", Visit, health::alive),
        get("/health", Visit, health::alive),
        get("/api/health", Visit, health::alive),
        get("/readyz", Visit, health::ready),
        get("/metrics", Visit, metrics::metrics),
    ];
    routes.extend([
        // Programs.
        get("/openapi.json", Visit, document).described("openapi", routes!(document)),
        // Parts of pages, which no program needs to know.
        get("/assets/{name}", Visit, assets::file),
        get("/assets/fetched/{version}/{*path}", Visit, assets::fetched),
        post("/changes", Visit, changes::of_participant),
        post("/admin/changes", Do(PoolView), changes::of_organiser),
        get("/admin/logs/{hostname}/lines", Do(LogView), log_page::lines),
    ]);
    routes
}

/// Every method and path with what its caller must be allowed to do.
pub fn access_table() -> Vec<(Method, &'static str, Action)> {
    all_routes().into_iter().map(|route| (route.method, route.path, route.action)).collect()
}

/// Every route by which people begin or change something, with the page of its form; a delete has
/// none.
pub fn begins_table() -> Vec<(Method, &'static str, Option<&'static str>)> {
    let begins = all_routes().into_iter().filter(Route::begins_something);
    begins.map(|route| (route.method, route.path, route.form)).collect()
}

/// All of it as an `OpenAPI` document, of an allocator that asks agents for tokens, or not.
pub fn openapi(agent_auth: AgentAuth) -> utoipa::openapi::OpenApi {
    crate::openapi::document(all_routes(), agent_auth)
}

/// This document.
#[utoipa::path(get, path = "", responses((status = 200, content_type = "application/json", body = Object)))]
async fn document(State(state): State<AppState>) -> Json<utoipa::openapi::OpenApi> {
    Json(openapi(state.settings.agent_auth))
}

/// The whole HTTP surface. Read from the bottom: the last layer meets a request first.
pub fn router(state: AppState) -> Router {
    let mut router = Router::new();
    let routes = all_routes();
    let forms: HashMap<&str, &str> =
        routes.iter().filter_map(|route| Some((route.path, route.form?))).collect();
    for Route { method, path, action, sites, mut handler, tagged, .. } in routes {
        handler = match tagged {
            None => handler,
            Some(Tagged::ByContent) => handler.layer(from_fn(tag::by_content)),
            Some(Tagged::ByChanges) => {
                let newest = tag::Newest::new(state.hub.clone());
                handler.layer(from_fn_with_state(newest, tag::by_changes))
            }
        };
        // JSON for programs, at an address where a browser has just posted a form.
        if let (Method::GET, Some(form)) = (method, forms.get(path).copied())
            && form != path
        {
            handler = handler.layer(from_fn_with_state(form, back_to_form::browsers));
        }
        let mut guarded = handler.layer(from_fn_with_state((state.clone(), action), guard));
        if matches!(sites, Sites::Own) {
            guarded = guarded.layer(from_fn(from_here_alone));
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
