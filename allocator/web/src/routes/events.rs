//! What tells a page or a program to look again. Programs listen to one thing each (server-sent
//! events); a browser's pages share a stream, see [`super::changes`].

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    response::sse::{Event, KeepAlive, KeepAliveStream, Sse},
};
use futures_util::{Stream, StreamExt, stream};
use lablink_core::{
    DbError, Token, claims, line,
    live::{Subscription, Topic},
    operations,
};

use super::{claim, line as places};
use crate::{
    AppState,
    http::{Path, Problem},
    wire::OperationBody,
};

/// Changes that come faster than this are told as one.
const PAUSE: Duration = Duration::from_millis(200);

type Events<S> = Sse<KeepAliveStream<S>>;

/// Says "changed" whenever the claim's page is to be read again.
#[utoipa::path(get, path = "/claims/{link}/events", params(("link" = String, Path)), responses((status = 200, content_type = "text/event-stream", body = crate::wire::StreamEvent)))]
pub async fn of_claim(
    State(state): State<AppState>,
    Path(link): Path<String>,
) -> Result<Events<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let changes = claim_changes(&state, &link).await?.ok_or_else(claim::no_claim)?;
    Ok(told(state, changes))
}

/// Of a place in line: every move of the line, and what becomes free.
#[utoipa::path(get, path = "/line/{link}/events", params(("link" = String, Path)), responses((status = 200, content_type = "text/event-stream", body = crate::wire::StreamEvent)))]
pub async fn of_place(
    State(state): State<AppState>,
    Path(link): Path<String>,
) -> Result<Events<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let changes = place_changes(&state, &link).await?.ok_or_else(places::no_place)?;
    Ok(told(state, changes))
}

fn told(
    state: AppState,
    changes: impl Stream<Item = ()> + Send + 'static,
) -> Events<impl Stream<Item = Result<Event, Infallible>>> {
    let events = changes.map(|()| Ok(Event::default().data("changed")));
    Sse::new(events.take_until(state.shutdown.cancelled_owned())).keep_alive(KeepAlive::default())
}

/// Whenever the page of the claim is to be read again. None: the link opens no claim.
pub(super) async fn claim_changes(
    state: &AppState,
    link: &str,
) -> Result<Option<impl Stream<Item = ()> + Send + use<>>, DbError> {
    let (state, token) = (state.clone(), Token::presented(link));
    let Some(claim) = claims::by_link(&state.db, &token).await? else { return Ok(None) };
    let changes = state.hub.subscribe(Topic::Vm(claim.hostname.clone()));
    let start = (state, token, claim.hostname, changes);
    Ok(Some(stream::unfold(start, |(state, token, mut hostname, mut changes)| async move {
        changes.changed().await;
        tokio::time::sleep(PAUSE).await;
        // A claim can move to another VM.
        if let Ok(Some(claim)) = claims::by_link(&state.db, &token).await
            && claim.hostname != hostname
        {
            hostname = claim.hostname;
            changes = state.hub.subscribe(Topic::Vm(hostname.clone()));
        }
        Some(((), (state, token, hostname, changes)))
    })))
}

/// Whenever the page of the place may look different. To ask is to look at the place, which keeps
/// it. None: the link opens no place.
pub(super) async fn place_changes(
    state: &AppState,
    link: &str,
) -> Result<Option<impl Stream<Item = ()> + Send + use<>>, DbError> {
    let changes = state.hub.subscribe(Topic::Line);
    let standing = line::look(&state.db, state.pool, &Token::presented(link)).await?;
    Ok(standing.map(|_| in_turn(changes)))
}

/// What the subscription hears, at a pace that pages can follow.
pub(super) fn in_turn(changes: Subscription) -> impl Stream<Item = ()> + Send + use<> {
    stream::unfold(changes, |mut changes| async move {
        changes.changed().await;
        tokio::time::sleep(PAUSE).await;
        Some(((), changes))
    })
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
