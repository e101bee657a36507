//! The answer to a form that queued an operation.

use std::collections::BTreeMap;

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use lablink_core::{Scope, operations::OperationId};
use lablink_protocol::organisers::{OperationOutput, Queued};
use serde::Deserialize;
use utoipa::{
    IntoParams, IntoResponses, PartialSchema, ToSchema,
    openapi::{self, ContentBuilder, Ref, RefOr, ResponseBuilder, Schema},
};

use super::waited::waited;
use crate::{
    AppState,
    http::{Problem, Wants},
    links,
};

/// How a form was posted: `?wait=true` is for scripts that want the end, as with the original.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Started {
    /// Answer at the end, with the output.
    #[serde(default)]
    wait: bool,
}

/// The answer to a form that queued an operation.
pub async fn started(
    state: &AppState,
    scope: &Scope,
    wants: Wants,
    how: &Started,
    id: OperationId,
) -> Result<Response, Problem> {
    if how.wait {
        return waited(state, scope, wants, id).await;
    }
    Ok(queued(wants, id))
}

/// Where an operation that was queued can be followed.
pub fn queued(wants: Wants, id: OperationId) -> Response {
    match wants {
        Wants::Page => Redirect::to(&links::operation(id)).into_response(),
        Wants::Json => {
            let location = [(header::LOCATION, links::operation_body(id))];
            (StatusCode::ACCEPTED, location, Json(Queued { operation_id: id.into() }))
                .into_response()
        }
    }
}

/// The answers of [`started`], as the `OpenAPI` document describes them.
pub struct StartedAnswers;

impl IntoResponses for StartedAnswers {
    fn responses() -> BTreeMap<String, RefOr<openapi::Response>> {
        let of = |schema: RefOr<Schema>| ContentBuilder::new().schema(Some(schema)).build();
        let output = Ref::from_schema_name(OperationOutput::name());
        let over = ResponseBuilder::new()
            .description("With `wait=true`: it is over.")
            .content("application/json", of(output.into()))
            .content("text/html", of(String::schema()));
        let queued = Ref::from_schema_name(Queued::name());
        let queued = ResponseBuilder::new().content("application/json", of(queued.into()));
        let page = ResponseBuilder::new().description("To a browser: its live page.");
        let answers = [("200", over), ("202", queued), ("303", page)];
        answers.map(|(status, answer)| (status.to_owned(), RefOr::T(answer.build()))).into()
    }
}
