use std::io::Read;

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{StatusCode, header::CONTENT_ENCODING},
};
use flate2::read::MultiGzDecoder;
use serde::de::DeserializeOwned;

use super::{Json, Problem};

/// Largest body of routes that take batches, in bytes: as it comes, and unpacked.
pub(crate) const LARGEST_BATCH: usize = 2 * 1024 * 1024;

/// A JSON body that may come packed (`Content-Encoding: gzip`). Its route sets its limit by a
/// layer of its own, at most [`LARGEST_BATCH`].
pub(crate) struct GzipJson<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for GzipJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let encoding = request.headers().get(CONTENT_ENCODING);
        let request = match encoding.map(|value| value.as_bytes().to_ascii_lowercase()) {
            None => request,
            Some(encoding) if encoding == b"identity" => request,
            Some(encoding) if encoding == b"gzip" => unpacked(request, state).await?,
            Some(_) => {
                return Err(Problem::new(
                    StatusCode::UNSUPPORTED_MEDIA_TYPE,
                    "unknown_encoding",
                    "Content-Encoding: only gzip is understood, or none.",
                ));
            }
        };
        Json::from_request(request, state).await.map(|Json(body)| Self(body))
    }
}

async fn unpacked<S: Send + Sync>(request: Request, state: &S) -> Result<Request, Problem> {
    let (parts, body) = request.into_parts();
    // Under the route's limit as well, which travels with the parts.
    let packed = Bytes::from_request(Request::from_parts(parts.clone(), body), state)
        .await
        .map_err(|rejection| Problem::unread(rejection.status(), "unreadable", &rejection))?;
    let body = Body::from(unpack(&packed)?);
    Ok(Request::from_parts(parts, body))
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
