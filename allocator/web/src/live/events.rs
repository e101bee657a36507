//! Tells a page or a program to look again. Programs listen to one thing each (server-sent events);
//! a browser's pages share a stream, see [`super::changes`].

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::State,
    http::StatusCode,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, KeepAliveStream, Sse},
    },
};
use futures_util::{Stream, StreamExt, stream};
use lablink_core::{
    Scope, Token,
    claims::{self, Progress},
    line::{self as core_line, Standing},
    live::{Subscription, Topic},
    operations::{self, OperationId},
};

use crate::{
    AppState,
    auth::Caller,
    claims::routes as claim,
    http::{Path, Problem},
    line::routes as line,
    operations::wire::operation_body,
};

/// Changes that come faster than this are told as one.
const PAUSE: Duration = Duration::from_millis(200);

type Events<S> = Sse<KeepAliveStream<S>>;

/// Says "changed" whenever the claim's page is to be read again, until the claim ends. It tells
/// nothing of the VM's next claim.
#[utoipa::path(get, path = "", params(("link" = String, Path)), responses((status = 200, content_type = "text/event-stream", body = crate::wire::StreamEvent), (status = 204, description = "The claim is over: nothing more comes.")))]
pub async fn of_claim(
    State(state): State<AppState>,
    Path(link): Path<String>,
) -> Result<Response, Problem> {
    let changes = claim_changes(&state, &link).await?;
    Ok(changes.map_or(StatusCode::NO_CONTENT.into_response(), |changes| told(state, changes)))
}

/// Says "changed" to a place in line with every move of the line, until the place is over.
#[utoipa::path(get, path = "", params(("link" = String, Path)), responses((status = 200, content_type = "text/event-stream", body = crate::wire::StreamEvent), (status = 204, description = "The place is over: nothing more comes.")))]
pub async fn of_place(
    State(state): State<AppState>,
    Caller(scope): Caller,
    Path(link): Path<String>,
) -> Result<Response, Problem> {
    let changes = place_changes(&state, &scope, &link).await?;
    Ok(changes.map_or(StatusCode::NO_CONTENT.into_response(), |changes| told(state, changes)))
}

fn told(state: AppState, changes: impl Stream<Item = ()> + Send + 'static) -> Response {
    let events = changes.map(|()| Ok::<_, Infallible>(Event::default().data("changed")));
    let events = events.take_until(state.shutdown.cancelled_owned());
    Sse::new(events).keep_alive(KeepAlive::default()).into_response()
}

/// Whenever the page of the claim is to be read again, until the claim is over. None: it is.
pub async fn claim_changes(
    state: &AppState,
    link: &str,
) -> Result<Option<impl Stream<Item = ()> + Send + use<>>, Problem> {
    let claim = claim::find(state, link).await?;
    if matches!(claim.progress, Progress::Over { .. }) {
        return Ok(None);
    }
    let changes = state.hub.subscribe(Topic::Vm(claim.hostname.clone()));
    let start = Some((state.clone(), Token::presented(link), claim.hostname, changes));
    Ok(Some(stream::unfold(start, |follows| async move {
        let (state, link, mut hostname, mut changes) = follows?;
        loop {
            next(&mut changes).await;
            let claim = match claims::by_link(&state.db, &link).await {
                Ok(claim) => claim.filter(|it| matches!(it.progress, Progress::Open { .. })),
                // All are woken when the database is back.
                Err(_away) => continue,
            };
            let Some(claim) = claim else { return Some(((), None)) };
            // A claim can move to another VM.
            if claim.hostname != hostname {
                hostname = claim.hostname;
                changes = state.hub.subscribe(Topic::Vm(hostname.clone()));
            }
            return Some(((), Some((state, link, hostname, changes))));
        }
    })))
}

/// Whenever the page of the place may look different, until the place is over. None: it is. To ask
/// is to look at the place, which keeps it.
pub async fn place_changes(
    state: &AppState,
    scope: &Scope,
    link: &str,
) -> Result<Option<impl Stream<Item = ()> + Send + use<>>, Problem> {
    let changes = state.hub.subscribe(Topic::Line(state.pool.id));
    if matches!(line::find(scope, link).await?, Standing::Over(_)) {
        return Ok(None);
    }
    let start = Some((scope.clone(), Token::presented(link), changes));
    Ok(Some(stream::unfold(start, |follows| async move {
        let (scope, link, mut changes) = follows?;
        loop {
            next(&mut changes).await;
            match core_line::is_open(&scope, &link).await {
                Ok(true) => return Some(((), Some((scope, link, changes)))),
                Ok(false) => return Some(((), None)),
                Err(_away) => {}
            }
        }
    })))
}

/// What the subscription hears, at a pace that pages can follow.
pub fn in_turn(changes: Subscription) -> impl Stream<Item = ()> + Send + use<> {
    stream::unfold(changes, |mut changes| async move {
        next(&mut changes).await;
        Some(((), changes))
    })
}

async fn next(changes: &mut Subscription) {
    changes.changed().await;
    tokio::time::sleep(PAUSE).await;
}

/// The operation itself, as JSON, at once and after each change, until it is over.
#[utoipa::path(get, path = "", params(("id" = i64, Path)), responses((status = 200, content_type = "text/event-stream", body = crate::wire::StreamEvent)))]
pub async fn of_operation(
    State(state): State<AppState>,
    Caller(scope): Caller,
    Path(id): Path<OperationId>,
) -> Result<Events<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let changes = state.hub.subscribe(Topic::Operation(id));
    let found = operations::find(&scope, id).await?;
    found.ok_or_else(|| Problem::not_found("There is no such operation."))?;
    let start = Some((state, scope, changes, Wait::No));
    let events = stream::unfold(start, move |watch| async move {
        let (state, scope, mut changes, wait) = watch?;
        if wait == Wait::Yes {
            tokio::select! {
                () = changes.changed() => tokio::time::sleep(PAUSE).await,
                () = state.shutdown.cancelled() => return None,
            }
        }
        let operation = operations::find(&scope, id).await.ok()??;
        let event = Event::default().json_data(operation_body(&operation)).ok()?;
        let next = (!operation.state.is_over()).then_some((state, scope, changes, Wait::Yes));
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
