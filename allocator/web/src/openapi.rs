//! The HTTP surface as an `OpenAPI` document: of each route what its handler says of itself, who may
//! use it, and what all have in common.

use axum::http::Method;
use lablink_core::Action;
use lablink_protocol::{
    ErrorBody,
    organisers::{OperationOutput, Queued},
};
use utoipa::{
    OpenApi, PartialSchema, ToSchema,
    openapi::{
        ContentBuilder, HttpMethod, ObjectBuilder, Ref, RefOr, Required, Response, ResponseBuilder,
        Type,
        path::{Parameter, ParameterBuilder, ParameterIn},
        security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme},
    },
};

use crate::{
    AgentAuth,
    http::once,
    route::{Description, Route},
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "LabLink allocator",
        description = "A pool of VMs for a class: who gets one, how they are, launch and destroy."
    ),
    components(schemas(ErrorBody, OperationOutput, Queued))
)]
struct WithoutRoutes;

const ADMIN: &str = "admin";
const TOKEN: &str = "token";

/// The whole document, of an allocator that asks agents for tokens, or not.
pub fn document(routes: Vec<Route>, agent_auth: AgentAuth) -> utoipa::openapi::OpenApi {
    let mut document = WithoutRoutes::openapi();
    let components = document.components.get_or_insert_default();
    let basic = SecurityScheme::Http(Http::new(HttpAuthScheme::Basic));
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.add_security_scheme(ADMIN, basic);
    components.add_security_scheme(TOKEN, bearer);
    for route in routes {
        let takes_key = route.begins_something();
        let Route { method, path, action, tagged, description, .. } = route;
        let Some(Description { mut operation, schemas }) = description else { continue };
        components.schemas.extend(schemas);
        if takes_key {
            operation.parameters.get_or_insert_default().push(RefOr::T(idempotency_key()));
        }
        if tagged.is_some() {
            operation.parameters.get_or_insert_default().push(RefOr::T(if_none_match()));
            operation.responses.responses.insert("304".to_owned(), RefOr::T(unchanged()));
        }
        operation.operation_id = Some(format!("{method} {path}"));
        operation.security = Some(credentials(action, agent_auth));
        operation.responses.responses.insert("default".to_owned(), RefOr::T(refusal()));
        document.paths.add_path_operation(path, vec![of_document(&method)], operation);
    }
    document
}

fn of_document(method: &Method) -> HttpMethod {
    match *method {
        Method::POST => HttpMethod::Post,
        Method::DELETE => HttpMethod::Delete,
        _ => HttpMethod::Get,
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

/// What a program may send along that asks again.
fn if_none_match() -> Parameter {
    ParameterBuilder::new()
        .name("If-None-Match")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "The `ETag` of the answer that the program has. If it is still the answer, the status \
             is 304 and nothing is sent.",
        ))
        .schema(Some(String::schema()))
        .build()
}

fn unchanged() -> Response {
    let text = "The program has the answer already: it showed its `ETag` by `If-None-Match`.";
    ResponseBuilder::new().description(text).build()
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
