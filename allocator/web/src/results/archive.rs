//! A kept archive: downloaded, in parts if a browser has to go on where it was cut off, and
//! discarded.

use std::{ops::Range, path::Path as FilePath, sync::Arc};

use axum::{
    Extension, Json,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use lablink_core::{
    Scope,
    collections::{self, Collection, KeptArchive},
    operations::OperationId,
};
use tower_http::services::ServeFile;

use crate::{
    AppState,
    auth::{Asking, Caller},
    connections::{Delivery, Taken, told},
    http::{Path, Problem, Wants},
    wire::Message,
};

/// The archive of a collection. Takes ranges, so that a download can be resumed; it counts as
/// downloaded once somebody has got all of it.
#[utoipa::path(get, path = "", params(("operation_id" = i64, Path)), responses((status = 200, content_type = "application/zip", body = Vec<u8>), (status = 206, description = "The part that `Range` asked for.", content_type = "application/zip", body = Vec<u8>)))]
pub async fn download(
    State(state): State<AppState>,
    Caller(scope): Caller,
    delivery: Option<Extension<Delivery>>,
    Path(id): Path<OperationId>,
    request: Request,
) -> Result<Response, Problem> {
    let archive = present(find(&scope, id).await?)?;
    let path = state.collector.kept(id).ok_or_else(|| elsewhere(&archive))?;
    let place = state.transfers.begin_kept()?;
    let is_get = request.method() == Method::GET;
    let mut response = served(&path, request).await?;
    let disposition = format!("attachment; filename={}", archive.kept.file_name);
    let disposition =
        HeaderValue::try_from(disposition).map_err(|error| Problem::internal(&error))?;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_DISPOSITION, disposition);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    // A browser may keep what it has, to go on from there.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    let Some(given) = given(&response, archive.kept.size).filter(|_| is_get) else {
        return Ok(response);
    };
    let delivery = delivery.map(|Extension(delivery)| delivery);
    Ok(told(response, place, delivery, async move |taken| {
        let bytes = got(given, taken);
        if let Err(error) = collections::taken(&scope, id, bytes).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(operation.id = %id, error, "a download could not be noted");
        }
    }))
}

/// Which bytes of an archive of this size an answer gives; none: no bytes.
fn given(response: &Response, size: i64) -> Option<Range<i64>> {
    match response.status() {
        StatusCode::OK => Some(0..size),
        StatusCode::PARTIAL_CONTENT => {
            // As in `bytes 4-9/10`.
            let told = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
            let (first, last) = told.strip_prefix("bytes ")?.split_once('/')?.0.split_once('-')?;
            Some(first.parse().ok()?..last.parse::<i64>().ok()? + 1)
        }
        _ => None,
    }
}

/// What a client has got of what it was given. One whose answer was broken off goes on from what it
/// has, so what was sent counts; but it has to come back at least for the last byte.
fn got(given: Range<i64>, taken: Taken) -> Range<i64> {
    let sent = i64::try_from(taken.bytes).unwrap_or(i64::MAX);
    let end = if taken.whole { given.end } else { given.end - 1 };
    given.start..end.min(given.start.saturating_add(sent))
}

async fn served(path: &FilePath, request: Request) -> Result<Response, Problem> {
    let (mut parts, _) = request.into_parts();
    if let Some(condition) = parts.headers.remove(header::IF_RANGE)
        && !validators(path).await?.contains(&condition)
    {
        // It has a part of another file: it needs the whole of this one (RFC 9110, 13.1.5).
        parts.headers.remove(header::RANGE);
    }
    let response = ServeFile::new(path).try_call(Request::from_parts(parts, Body::empty())).await;
    let response = response.map_err(|error| Problem::internal(&error))?;
    match response.status() {
        // Removed in this very moment.
        StatusCode::NOT_FOUND => Err(gone("The archive was removed a moment ago.")),
        StatusCode::RANGE_NOT_SATISFIABLE => Err(Problem::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "range",
            "The archive is shorter than the range that was asked for: download it anew.",
        )),
        _ => Ok(response.map(Body::new)),
    }
}

/// By this a client recognises the file.
async fn validators(path: &FilePath) -> Result<Vec<HeaderValue>, Problem> {
    let head = Request::head("/").body(Body::empty()).map_err(|error| Problem::internal(&error))?;
    let response = ServeFile::new(path).try_call(head).await;
    let headers = response.map_err(|error| Problem::internal(&error))?.into_parts().0.headers;
    let value = |headers: &HeaderMap, name| headers.get(name).cloned();
    let both = [value(&headers, header::ETAG), value(&headers, header::LAST_MODIFIED)];
    Ok(both.into_iter().flatten().collect())
}

/// Removes the archive from the disk.
#[utoipa::path(post, path = "", params(("operation_id" = i64, Path)), responses((status = 200, body = Message), (status = 303, description = "To a browser: the page of results.")))]
pub async fn discard(
    State(state): State<AppState>,
    Asking(scope): Asking,
    wants: Wants,
    Path(id): Path<OperationId>,
) -> Result<Response, Problem> {
    let archive = match present(find(&scope, id).await?) {
        Ok(archive) => archive,
        // This very request, sent before, has removed it.
        Err(_) if collections::discarded(&scope, id).await? => {
            return Ok(discarded(wants));
        }
        Err(problem) => return Err(problem),
    };
    if state.collector.kept(id).is_none() {
        return match present(find(&scope, id).await?) {
            Ok(_) => Err(elsewhere(&archive)),
            // By the same request at the same moment.
            Err(_) if collections::discarded(&scope, id).await? => Ok(discarded(wants)),
            Err(problem) => Err(problem),
        };
    }
    // The row comes first: a file that is left over is removed when the shelf is tidied.
    collections::discarded(&scope, id).await?;
    let collector = Arc::clone(&state.collector);
    let removed = tokio::task::spawn_blocking(move || collector.discard(id)).await;
    removed
        .map_err(|error| Problem::internal(&error))?
        .map_err(|error| Problem::internal(&error))?;
    Ok(discarded(wants))
}

fn discarded(wants: Wants) -> Response {
    match wants {
        Wants::Page => Redirect::to("/admin/results").into_response(),
        Wants::Json => Json(Message::new("The archive was discarded.")).into_response(),
    }
}

async fn find(scope: &Scope, id: OperationId) -> Result<Collection, Problem> {
    let found = collections::find(scope, id).await?;
    found.ok_or_else(|| Problem::not_found("There is no such collection."))
}

/// The archive, if it is on some allocator's disk.
fn present(collection: Collection) -> Result<KeptArchive, Problem> {
    match collection.archive {
        Some(KeptArchive { removed_at: Some(at), .. }) => Err(gone(format!(
            "This archive was removed at {}. Collect again, if the VMs are still there.",
            at.strftime("%H:%M UTC on %-d %b %Y")
        ))),
        Some(archive) => Ok(archive),
        None if collection.operation.state.is_over() => {
            Err(no_archive("No file came of this collection, so there is no archive."))
        }
        None => Err(no_archive("There is no archive yet: the collection goes on.")),
    }
}

fn no_archive(message: &str) -> Problem {
    Problem::conflict("no_archive", message)
}

fn elsewhere(archive: &KeptArchive) -> Problem {
    Problem::not_found(format!(
        "This archive is on the disk of the allocator {}, not of the one that answers you: use \
         that one's address.",
        archive.kept.kept_by
    ))
}

fn gone(message: impl Into<String>) -> Problem {
    Problem::new(StatusCode::GONE, "gone", message)
}
