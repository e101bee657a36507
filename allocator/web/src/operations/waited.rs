//! The answer to a caller that waits for the end of an operation.

use std::{io, pin::Pin, time::Duration};

use axum::{
    Json,
    body::{Body, Bytes},
    http::header,
    response::{Html, IntoResponse, Response},
};
use futures_util::stream;
use lablink_core::{
    Scope,
    operations::{self, OperationId},
};
use lablink_protocol::organisers::OperationOutput;
use tokio::time::timeout;

use super::{
    filled::{LOG_LINES_SHOWN, filled},
    find::ended,
    wire::operation_body,
};
use crate::{
    AppState,
    http::{Problem, Wants},
};

/// Load balancers and proxies give up an answer of which nothing comes for half a minute.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// The end of an operation. If it does not come soon, the answer begins without it and is kept
/// alive by white space, which JSON and HTML allow in front.
pub(super) async fn waited(
    state: &AppState,
    scope: &Scope,
    wants: Wants,
    id: OperationId,
) -> Result<Response, Problem> {
    let mut end = Box::pin(told(state.clone(), scope.clone(), wants, id));
    if let Ok(told) = timeout(SIGN_OF_LIFE, &mut end).await {
        return told;
    }
    let kind = match wants {
        Wants::Page => "text/html; charset=utf-8",
        Wants::Json => "application/json",
    };
    Ok(([(header::CONTENT_TYPE, kind)], kept_alive(end)).into_response())
}

async fn told(
    state: AppState,
    scope: Scope,
    wants: Wants,
    id: OperationId,
) -> Result<Response, Problem> {
    let operation = ended(&state, &scope, id).await?;
    match wants {
        Wants::Page => Ok(Html(filled(&state, &scope, operation, None).await?).into_response()),
        Wants::Json => {
            let log = operations::log(&state.db, id, LOG_LINES_SHOWN).await?;
            let output: Vec<String> = log.into_iter().map(|line| line.line).collect();
            let operation = operation_body(&operation);
            Ok(Json(OperationOutput { operation, output: output.join("\n") }).into_response())
        }
    }
}

type End = Pin<Box<dyn Future<Output = Result<Response, Problem>> + Send>>;

/// If the end can't be told, the answer is broken off, so that nobody takes it for whole.
fn kept_alive(end: End) -> Body {
    Body::from_stream(stream::unfold(Some(end), |end| async {
        let mut end = end?;
        match timeout(SIGN_OF_LIFE, &mut end).await {
            Err(_elapsed) => Some((Ok(Bytes::from_static(b" ")), Some(end))),
            Ok(Ok(told)) => {
                let text = axum::body::to_bytes(told.into_body(), usize::MAX).await;
                Some((text.map_err(io::Error::other), None))
            }
            Ok(Err(problem)) => Some((Err(io::Error::other(problem.message().to_owned())), None)),
        }
    }))
}
