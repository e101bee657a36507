//! Streams that tell a page to look again (server-sent events).

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, stream};
use lablink_core::{
    live::{Subscription, Topic},
    operations,
};

use super::{claim, line};
use crate::{
    AppState,
    http::{Path, Problem},
    wire::OperationBody,
};

/// Changes that come faster than this are told as one.
const PAUSE: Duration = Duration::from_millis(200);

type Events<S> = Sse<axum::response::sse::KeepAliveStream<S>>;

pub async fn of_everything(
    State(state): State<AppState>,
) -> Events<impl Stream<Item = Result<Event, Infallible>>> {
    let changes = state.hub.subscribe(Topic::Everything);
    told(state, changes)
}

/// Says "changed" whenever the claim's page is to be read again.
#[utoipa::path(get, path = "/claims/{link}/events", params(("link" = String, Path)), responses((status = 200, content_type = "text/event-stream", body = crate::wire::StreamEvent)))]
pub async fn of_claim(
    State(state): State<AppState>,
    Path(link): Path<String>,
) -> Result<Events<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let hostname = claim::find(&state, &link).await?.hostname;
    let changes = state.hub.subscribe(Topic::Vm(hostname.clone()));
    let start = (state, link, hostname, changes);
    let events = stream::unfold(start, |(state, link, mut hostname, mut changes)| async move {
        tokio::select! {
            () = changes.changed() => {}
            () = state.shutdown.cancelled() => return None,
        }
        tokio::time::sleep(PAUSE).await;
        // A claim can move to another VM.
        if let Ok(claim) = claim::find(&state, &link).await
            && claim.hostname != hostname
        {
            hostname = claim.hostname;
            changes = state.hub.subscribe(Topic::Vm(hostname.clone()));
        }
        Some((Ok(Event::default().data("changed")), (state, link, hostname, changes)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// Of a place in line: every move of the line, and what becomes free.
#[utoipa::path(get, path = "/line/{link}/events", params(("link" = String, Path)), responses((status = 200, content_type = "text/event-stream", body = crate::wire::StreamEvent)))]
pub async fn of_place(
    State(state): State<AppState>,
    Path(link): Path<String>,
) -> Result<Events<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let changes = state.hub.subscribe(Topic::Line);
    line::find(&state, &link).await?;
    Ok(told(state, changes))
}

fn told(
    state: AppState,
    changes: Subscription,
) -> Events<impl Stream<Item = Result<Event, Infallible>>> {
    let events = stream::unfold((state, changes), |(state, mut changes)| async move {
        tokio::select! {
            () = changes.changed() => {}
            () = state.shutdown.cancelled() => return None,
        }
        tokio::time::sleep(PAUSE).await;
        Some((Ok(Event::default().data("changed")), (state, changes)))
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}

/// The operation itself, as JSON, at once and after each change, until it is over.
#[utoipa::path(get, path = "/api/operations/{id}/events", params(("id" = i64, Path)), responses((status = 200, content_type = "text/event-stream", body = crate::wire::StreamEvent)))]
pub async fn of_operation(
    State(state): State<AppState>,
    Path(id): Path<i64>,
) -> Result<Events<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let changes = state.hub.subscribe(Topic::Operation(id));
    let found = operations::find(&state.db, state.pool, id).await?;
    found.ok_or_else(|| Problem::not_found("There is no such operation."))?;
    let start = Some((state, changes, Wait::No));
    let events = stream::unfold(start, move |watch| async move {
        let (state, mut changes, wait) = watch?;
        if wait == Wait::Yes {
            tokio::select! {
                () = changes.changed() => tokio::time::sleep(PAUSE).await,
                () = state.shutdown.cancelled() => return None,
            }
        }
        let operation = operations::find(&state.db, state.pool, id).await.ok()??;
        let event = Event::default().json_data(OperationBody::from(&operation)).ok()?;
        let next = (!operation.state.is_over()).then_some((state, changes, Wait::Yes));
        Some((Ok(event), next))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::default()))
}

/// Whether to wait for a change before the next event.
#[derive(PartialEq, Eq)]
enum Wait {
    Yes,
    No,
}
