//! All results at once, for a caller that waits: nothing is kept.

use std::io;

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use futures_util::{Stream, stream};
use lablink_core::collections::{self, Archive, Wish};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;

use super::form::{extension, selection};
use crate::{
    AppState,
    auth::Caller,
    connections::{Delivery, told},
    http::{ListQuery, Problem},
};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// The ending of the files; the configured one by default.
    #[param(pattern = r"^(\.?[A-Za-z0-9][A-Za-z0-9._-]{0,31})?$")]
    extension: Option<String>,
    /// Which VMs; may be repeated. None: all.
    #[serde(default)]
    #[param(value_type = Vec<lablink_protocol::Hostname>)]
    hostname: Vec<String>,
}

/// Collects the results of all VMs and gives them as one archive, which begins to come while the
/// last VMs are read. A folder for each VM, and `REPORT.csv`.
#[utoipa::path(get, path = "", params(Wanted), responses((status = 200, content_type = "application/zip", body = Vec<u8>)))]
pub async fn download(
    State(state): State<AppState>,
    Caller(scope): Caller,
    delivery: Option<Extension<Delivery>>,
    ListQuery(wanted): ListQuery<Wanted>,
) -> Result<Response, Problem> {
    let extension = extension(&state, wanted.extension.as_deref())?;
    let chosen = collections::choose(&scope, &selection(&wanted.hostname)?).await?;
    let wish = Wish { hostnames: Some(chosen), extension };
    let place = state.transfers.begin_made()?;
    let archive = state.collector.collect(&wish).await?;
    // The original's page reads the name to the end of the line.
    let disposition = format!("attachment; filename={}", archive.name);
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    let body = Body::from_stream(bytes(archive, state.shutdown.clone()));
    let delivery = delivery.map(|Extension(delivery)| delivery);
    Ok(told((headers, body).into_response(), place, delivery, async move |taken| {
        if !taken.whole {
            return;
        }
        if let Err(error) = collections::streamed(&scope, &wish).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "a download could not be noted");
        }
    }))
}

/// Ends in an error if it is not whole, so that nobody takes it for whole.
fn bytes(
    archive: Archive,
    shutdown: CancellationToken,
) -> impl Stream<Item = io::Result<Bytes>> + Send {
    stream::unfold(Some((archive.chunks, shutdown)), |open| async move {
        let (mut chunks, shutdown) = open?;
        let chunk = tokio::select! {
            chunk = chunks.recv() => chunk?,
            () = shutdown.cancelled() => Err(io::Error::other("the allocator is stopping")),
        };
        match chunk {
            Ok(chunk) => Some((Ok(Bytes::from(chunk)), Some((chunks, shutdown)))),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "an archive broke off");
                Some((Err(error), None))
            }
        }
    })
}
