//! The HTTP surface as an `OpenAPI` document, made from the handlers' own types. Who may use a path
//! is taken from the router's table, and every refusal has one form.

use axum::http::Method;
use lablink_core::Action;
use lablink_protocol::ErrorBody;
use utoipa::{
    OpenApi, PartialSchema, ToSchema,
    openapi::{
        ContentBuilder, ObjectBuilder, Ref, RefOr, Required, Response, ResponseBuilder, Type,
        path::{Operation, Parameter, ParameterBuilder, ParameterIn, PathItem},
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

use crate::{
    AgentAuth,
    agents::{api as agent, install, reports, vm_metrics, wait},
    aws::routes as aws,
    claims::routes as claim,
    history::routes as history,
    http::once,
    line::{places, routes as line},
    live::events,
    logs::{follow, forward, own as own_log, read, routes as log_page},
    machines::routes as machines,
    monitoring::{health, metrics, tasks},
    operations::{conflict, routes as operations},
    overview::routes as overview,
    participants::{routes as participants, way_in},
    request::routes as home,
    results::{archive, collections, routes as results, scp_client},
    vms::{api as vms, destroy, instances, launch, statuses, vm},
};

/// Without what is the pages' own: their files, their stream and their parts, which no program needs.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "LabLink allocator",
        description = "A pool of VMs for a class: who gets one, how they are, launch and destroy."
    ),
    components(schemas(ErrorBody)),
    paths(
        home::form,
        home::request_vm,
        home::free_count,
        claim::page,
        claim::give_command,
        claim::return_page,
        claim::give_back,
        line::join,
        line::page,
        line::claim,
        line::leave,
        events::of_place,
        install::script,
        install::program,
        machines::page,
        machines::register,
        machines::install,
        vm::page,
        vm::confirm,
        vm::forget,
        participants::page,
        participants::csv,
        places::list,
        places::remove,
        places::clear_page,
        places::clear,
        way_in::page,
        way_in::link,
        way_in::lock_out,
        way_in::fresh_machine,
        events::of_claim,
        aws::page,
        aws::set,
        aws::unset,
        agent::enrol,
        agent::renew_token,
        agent::heartbeat,
        agent::claim_result,
        agent::clean_result,
        wait::vm_startup,
        reports::in_use,
        reports::gpu_health,
        reports::status,
        vm_metrics::post,
        forward::forward,
        read::read,
        follow::events,
        statuses::all,
        statuses::one,
        overview::page,
        launch::page,
        launch::launch,
        instances::page,
        own_log::page,
        tasks::page,
        log_page::page,
        log_page::download,
        destroy::page,
        destroy::destroy,
        destroy::replace,
        vms::list,
        vms::one,
        vms::delete,
        vms::release,
        vms::clean,
        vms::allow,
        vms::reboot,
        vms::forget_host_key,
        history::list,
        results::page,
        scp_client::download,
        collections::list,
        collections::collect,
        archive::download,
        archive::discard,
        operations::list_page,
        operations::page,
        operations::log,
        operations::list,
        operations::one,
        operations::cancel,
        operations::approve,
        operations::reject,
        operations::retry,
        conflict::bring_back_page,
        conflict::give_up_page,
        conflict::bring_back,
        conflict::give_up,
        events::of_operation,
        health::alive,
        health::ready,
        metrics::metrics,
        json,
    )
)]
struct Described;

/// A program may post these without saying more.
const WITHOUT_BODY_TOO: [&str; 5] = [
    "/api/vms",
    "/api/collections",
    "/destroy",
    "/api/vms/{hostname}/release",
    "/api/places/clear",
];
const ADMIN: &str = "admin";
const TOKEN: &str = "token";

/// The whole document, of an allocator that asks agents for tokens, or not.
pub fn document(
    access: &[(Method, &str, Action)],
    begins: &[(Method, &str, Option<&str>)],
    agent_auth: AgentAuth,
) -> utoipa::openapi::OpenApi {
    let mut document = Described::openapi();
    let components = document.components.get_or_insert_default();
    let basic = SecurityScheme::Http(Http::new(HttpAuthScheme::Basic));
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.add_security_scheme(ADMIN, basic);
    components.add_security_scheme(TOKEN, bearer);
    // Load balancers probe the same under other names.
    if let Some(alive) = document.paths.paths.get("/healthz").cloned() {
        for other in ["/health", "/api/health"] {
            document.paths.paths.insert(other.to_owned(), alive.clone());
        }
    }
    for path in WITHOUT_BODY_TOO {
        let operation = operation(&mut document, &Method::POST, path);
        if let Some(RefOr::T(body)) = operation.and_then(|it| it.request_body.as_mut()) {
            body.required = Some(Required::False);
        }
    }
    for (method, path, _) in begins {
        if let Some(operation) = operation(&mut document, method, path) {
            operation.parameters.get_or_insert_default().push(RefOr::T(idempotency_key()));
        }
    }
    for (method, path, action) in access {
        if let Some(operation) = operation(&mut document, method, path) {
            operation.operation_id = Some(format!("{method} {path}"));
            operation.security = Some(credentials(*action, agent_auth));
            operation.responses.responses.insert("default".to_owned(), RefOr::T(refusal()));
        }
    }
    document
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", responses((status = 200, content_type = "application/json", body = Object)))]
#[expect(dead_code, reason = "describes the router's handler")]
fn json() {}

fn operation<'a>(
    document: &'a mut utoipa::openapi::OpenApi,
    method: &Method,
    path: &str,
) -> Option<&'a mut Operation> {
    let PathItem { get, post, delete, .. } = document.paths.paths.get_mut(path)?;
    match *method {
        Method::GET => get.as_mut(),
        Method::POST => post.as_mut(),
        Method::DELETE => delete.as_mut(),
        _ => None,
    }
}

/// One of these is enough; none in the list: no credential is needed.
fn credentials(action: Action, agent_auth: AgentAuth) -> Vec<SecurityRequirement> {
    let schemes: &[&str] = match action {
        Action::Visit => &[],
        Action::SpeakForVm | Action::AwaitClaim | Action::ForwardLogs => &[TOKEN],
        Action::RenewToken => &[TOKEN],
        Action::ReadVm(_) => &[ADMIN, TOKEN],
        Action::Do(_) => &[ADMIN],
    };
    let named = schemes.iter().map(|scheme| SecurityRequirement::new(*scheme, [""; 0]));
    let unproven =
        agent_auth == AgentAuth::Open && schemes.contains(&TOKEN) && action != Action::RenewToken;
    named.chain(unproven.then(SecurityRequirement::default)).collect()
}

/// What a program may send along, so that the same call again begins nothing.
fn idempotency_key() -> Parameter {
    let pattern =
        ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[A-Za-z0-9_-]{22,128}$"));
    ParameterBuilder::new()
        .name(once::HEADER.as_str())
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "A random text, such as a UUID, kept secret. The same call again with the same key, \
             within a week, begins nothing and is answered as the first; another call with it is \
             refused with 422 `key_reused`.",
        ))
        .schema(Some(pattern.build()))
        .build()
}

/// What every other status comes with.
fn refusal() -> Response {
    let body = Ref::from_schema_name(ErrorBody::name());
    ResponseBuilder::new()
        .description("It was refused, or failed.")
        .content("application/json", ContentBuilder::new().schema(Some(body)).build())
        .content("text/html", ContentBuilder::new().schema(Some(String::schema())).build())
        .build()
}
