use std::time::Duration;

use axum::{
    extract::{Query as UrlQuery, State, rejection::QueryRejection},
    http::HeaderMap,
    response::sse::{Event, KeepAlive, KeepAliveStream, Sse},
};
use futures_util::{Stream, StreamExt, stream};
use lablink_core::{
    Db,
    logs::{self, Line, Place, Query},
    vms::VmId,
};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use utoipa::IntoParams;

use super::{
    find::{bad_query, find},
    read::log_line,
};
use crate::{
    AppState,
    auth::Caller,
    budgets::Reader,
    http::{Problem, VmName},
};

/// How often a viewer looks for new lines. Nobody is notified of lines, so that works with any
/// number of allocators.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Lines of one event.
const AT_ONCE: i64 = 500;

/// Where a viewer begins; without it, at the end.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Following {
    /// The id of the last line that is known.
    after: Option<i64>,
}

impl Following {
    /// A browser that lost the connection goes on from the last line that it got.
    fn begins_after(self, headers: &HeaderMap) -> Option<i64> {
        let resumed = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
        resumed.or(self.after)
    }
}

/// New lines as they come, as events of several lines each. An event's id is its last line's:
/// a browser that lost the connection goes on from there.
#[utoipa::path(get, path = "", params(("hostname" = String, Path), Following), responses((status = 200, content_type = "text/event-stream", body = crate::wire::StreamEvent)))]
pub async fn events(
    State(state): State<AppState>,
    Caller(scope): Caller,
    VmName(hostname): VmName,
    reader: Reader,
    following: Result<UrlQuery<Following>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Sse<KeepAliveStream<impl Stream<Item = Result<Event, serde_json::Error>>>>, Problem> {
    let UrlQuery(following) = following.map_err(|rejection| bad_query(&rejection))?;
    let vm = find(&scope, &hostname).await?;
    let reading = reader.stream()?;
    let after = following.begins_after(&headers);
    let batches = follow(scope.db, state.shutdown, vm.id, after).await?;
    let events = batches.map(move |lines| {
        let _until_its_end = &reading;
        let last = lines.last().map_or(0, |line| line.id);
        let lines: Vec<_> = lines.iter().map(log_line).collect();
        Event::default()
            .id(last.to_string())
            .json_data(serde_json::json!({ "lines": lines }))
            .map_err(serde::ser::Error::custom)
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// What comes after the line `from`, or after the last one there is, until the process ends.
async fn follow(
    db: Db,
    shutdown: CancellationToken,
    vm_id: VmId,
    from: Option<i64>,
) -> Result<impl Stream<Item = Vec<Line>> + use<>, Problem> {
    let last = match from {
        Some(id) => id,
        None => logs::last_id(&db, vm_id).await?,
    };
    Ok(stream::unfold((db, shutdown, last), move |(db, shutdown, last)| async move {
        let lines = loop {
            let query =
                Query { place: Place::After(last), since: None, search: None, limit: AT_ONCE };
            match logs::read(&db, vm_id, &query).await {
                Ok(lines) if lines.is_empty() => {}
                Ok(lines) => break lines,
                // A database that is away comes back: the viewer need not know.
                Err(error) if error.is_away() => {}
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "a log can't be read"
                    );
                    return None;
                }
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = shutdown.cancelled() => return None,
            }
        };
        let last = lines.last().map_or(last, |line| line.id);
        Some((lines, (db, shutdown, last)))
    }))
}
