//! One stream for all pages that a browser has open: it names those that are to look again. A
//! browser gives a host six connections, so with a stream for each page the seventh page would hang.

use std::{convert::Infallible, iter, pin::Pin, time::Duration};

use axum::{
    Extension,
    extract::State,
    http::HeaderName,
    response::{
        IntoResponse,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{Stream, StreamExt, future, stream};
use lablink_core::{
    live::Topic,
    logs,
    vms::{self, VmId},
};
use serde::{Deserialize, Serialize};

use super::events::{claim_changes, in_turn, place_changes};
use crate::{
    AppState,
    auth::Caller,
    connections::Slot,
    http::{Json, Problem},
    links,
};

/// The longest silence of a stream: a browser that hears nothing for longer has lost it.
const BEAT: Duration = Duration::from_secs(4);
/// The length of a stream. A browser then opens the next one, which counts as a look at its place
/// in line.
const RENEWED_AFTER: Duration = Duration::from_secs(40);
/// The longest that a stream lasts whose browser is gone without a word.
const LASTS: Duration = Duration::from_secs(120);
/// How often new lines of a VM's log are looked for. Nobody is notified of lines, so that works
/// with any number of allocators.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Pages of one stream.
const MOST_PAGES: usize = 64;

/// The paths of pages.
#[derive(Deserialize)]
pub struct Watch {
    pages: Vec<String>,
}

/// What a stream tells.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Told<'a> {
    Begins {
        beat_ms: u128,
        renewed_after_ms: u128,
    },
    /// The path of a page that is to look again.
    Changed(&'a str),
}

type Changes = Pin<Box<dyn Stream<Item = ()> + Send>>;

/// For participants: claims and places in line. Their links are the right to listen.
pub async fn of_participant(
    State(state): State<AppState>,
    Caller(scope): Caller,
    slot: Option<Extension<Slot>>,
    Json(watch): Json<Watch>,
) -> Result<impl IntoResponse, Problem> {
    let mut changes = Vec::new();
    for page in pages(watch)? {
        let opened = if let Some(link) = page.strip_prefix(links::CLAIMS) {
            claim_changes(&state, link).await.map(|changes| changes.map(boxed))
        } else if let Some(link) = page.strip_prefix(links::LINE) {
            place_changes(&state, &scope, link).await.map(|changes| changes.map(boxed))
        } else {
            return Err(no_such_page(&page));
        };
        // A page that is over, or whose link opens nothing, looks at once and is told so.
        let opened = match opened {
            Ok(opened) => opened,
            Err(problem) if problem.is_not_found() => None,
            Err(problem) => return Err(problem),
        };
        if let (Some(Extension(slot)), Some(_)) = (&slot, &opened) {
            slot.recognise(&page);
        }
        changes.push((page, opened.unwrap_or_else(|| boxed(stream::iter([()])))));
    }
    Ok(answer(&state, changes))
}

/// For organisers: everything (`/admin`), an operation, a VM's log.
pub async fn of_organiser(
    State(state): State<AppState>,
    Caller(scope): Caller,
    Json(watch): Json<Watch>,
) -> Result<impl IntoResponse, Problem> {
    let mut changes = Vec::new();
    for page in pages(watch)? {
        let opened = if page == "/admin" {
            boxed(in_turn(state.hub.subscribe(Topic::Everything(state.pool.id))))
        } else if let Some(id) = page.strip_prefix(links::OPERATIONS) {
            let id = id.parse().map_err(|_not_a_number| no_such_page(&page))?;
            boxed(in_turn(state.hub.subscribe(Topic::Operation(id))))
        } else if let Some(hostname) = page.strip_prefix(links::LOGS) {
            let hostname = hostname.parse().map_err(|_no_hostname| no_such_page(&page))?;
            match vms::find(&scope, &hostname).await? {
                Some(vm) => {
                    let known = logs::last_id(&state.db, vm.id).await?;
                    boxed(new_lines(state.clone(), vm.id, known))
                }
                None => boxed(stream::iter([()])),
            }
        } else {
            return Err(no_such_page(&page));
        };
        changes.push((page, opened));
    }
    Ok(answer(&state, changes))
}

fn pages(Watch { mut pages }: Watch) -> Result<Vec<String>, Problem> {
    pages.sort_unstable();
    pages.dedup();
    if pages.len() > MOST_PAGES {
        return Err(Problem::invalid(format!("A stream is for at most {MOST_PAGES} pages.")));
    }
    Ok(pages)
}

fn no_such_page(page: &str) -> Problem {
    Problem::invalid(format!("No page that changes by itself is called {page:?}."))
}

fn boxed(changes: impl Stream<Item = ()> + Send + 'static) -> Changes {
    Box::pin(changes)
}

/// Changes whenever the log has lines after the last one that is known.
fn new_lines(state: AppState, vm_id: VmId, known: i64) -> impl Stream<Item = ()> + Send {
    stream::unfold((state, known), move |(state, known)| async move {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            // A database that is away comes back: the page need not know.
            let last = logs::last_id(&state.db, vm_id).await.unwrap_or(known);
            if last > known {
                return Some(((), (state, last)));
            }
        }
    })
}

fn answer(state: &AppState, changes: Vec<(String, Changes)>) -> impl IntoResponse + use<> {
    let begins =
        Told::Begins { beat_ms: BEAT.as_millis(), renewed_after_ms: RENEWED_AFTER.as_millis() };
    let begins = event(&begins);
    let changes = changes
        .into_iter()
        .map(|(page, changes)| changes.map(move |()| event(&Told::Changed(&page))));
    // It stays open even if nothing is left that could change.
    let changes = stream::select_all(changes.map(StreamExt::boxed)).chain(stream::pending());
    let stopped = state.shutdown.clone().cancelled_owned();
    let over = future::select(Box::pin(stopped), Box::pin(tokio::time::sleep(LASTS)));
    let events = stream::iter(iter::once(begins)).chain(changes).take_until(over);
    // nginx would keep it back until there is more.
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    (unbuffered, Sse::new(events).keep_alive(KeepAlive::new().interval(BEAT)))
}

fn event(told: &Told<'_>) -> Result<Event, Infallible> {
    Ok(Event::default().json_data(told).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use lablink_core::line::{LAPSES_AFTER, SURELY_KEPT_FOR, SURVIVES};

    use super::*;

    #[test]
    fn a_place_outlives_an_outage_that_begins_just_before_the_next_look() {
        let to_be_back = Duration::from_secs(10);
        assert!(RENEWED_AFTER + SURVIVES + to_be_back <= LAPSES_AFTER);
        assert!(SURVIVES + to_be_back <= SURELY_KEPT_FOR);
    }
}
