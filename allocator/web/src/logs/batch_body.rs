use std::io::Read;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::{StatusCode, header::CONTENT_ENCODING},
};
use flate2::read::MultiGzDecoder;
use serde::de::DeserializeOwned;
use tokio::{runtime::Handle, sync::OwnedSemaphorePermit};
use tracing::Span;

use crate::{
    AppState,
    budgets::Share,
    http::{Json, Problem},
};

/// Largest body of routes that take batches, in bytes: as it comes, and unpacked.
pub(crate) const LARGEST_BATCH: usize = 2 * 1024 * 1024;

/// A JSON body that may come packed (`Content-Encoding: gzip`). Its route sets its limit by a
/// layer of its own, at most [`LARGEST_BATCH`].
pub(crate) struct BatchBody<T> {
    pub body: T,
    /// Few bodies are unpacked and worked on at once; held until that is done.
    pub turn: OwnedSemaphorePermit,
}

impl<T: DeserializeOwned + Send + 'static> FromRequest<AppState> for BatchBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &AppState) -> Result<Self, Problem> {
        let encoding = request.headers().get(CONTENT_ENCODING);
        let is_packed = match encoding.map(|value| value.as_bytes().to_ascii_lowercase()) {
            None => false,
            Some(encoding) if encoding == b"identity" => false,
            Some(encoding) if encoding == b"gzip" => true,
            Some(_) => {
                return Err(Problem::new(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "unknown_encoding",
                    "Content-Encoding: only gzip is understood, or none.",
                ));
            }
        };
        let (parts, body) = request.into_parts();
        // Under the route's limit, which travels with the parts.
        let sent = Bytes::from_request(Request::from_parts(parts.clone(), body), state)
            .await
            .map_err(|rejection| unread(&rejection))?;
        // The turn is taken only now, so that no slow body holds one.
        let turn = state.agent_limits.batch().await?;
        let share = parts.extensions.get::<Share>().cloned();
        // On a thread of its own: it may take some tens of milliseconds.
        let (running, outer) = (Handle::current(), Span::current());
        let reading = tokio::task::spawn_blocking(move || {
            let _within = outer.entered();
            let sent = if is_packed { unpack(&sent)?.into() } else { sent };
            if let Some(share) = share {
                share.spend_on_body(sent.len())?;
            }
            let request = Request::from_parts(parts, Body::from(sent));
            // All of it is here, so there is nothing to wait for.
            running.block_on(Json::from_request(request, &()))
        });
        let Json(body) = reading.await.map_err(|panicked| Problem::internal(&panicked))??;
        Ok(Self { body, turn })
    }
}

fn unread(rejection: &BytesRejection) -> Problem {
    let status = rejection.status();
    let code = if status == StatusCode::PAYLOAD_TOO_LARGE { "too_large" } else { "unreadable" };
    Problem::unread(status, code, rejection)
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, Problem> {
    let mut unpacked = Vec::new();
    // One byte more tells a body of just this size from a larger one.
    let read =
        MultiGzDecoder::new(packed).take(LARGEST_BATCH as u64 + 1).read_to_end(&mut unpacked);
    match read {
        Ok(length) if length <= LARGEST_BATCH => Ok(unpacked),
        Ok(_) => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            format!("The unpacked body is larger than {LARGEST_BATCH} bytes: send it in parts."),
        )),
        Err(_corrupt) => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed_gzip",
            "The body says that it is gzip but can't be unpacked.",
        )),
    }
}
