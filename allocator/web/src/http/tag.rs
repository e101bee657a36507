//! Tags of answers that programs poll (`ETag`): if a program shows the tag of what it has
//! (`If-None-Match`), it gets `304` and nothing else for as long as that is the answer.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use lablink_core::live::Hub;
use sha2::{Digest, Sha256};

use super::Problem;

/// How the answers of a path are tagged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tagged {
    /// Each is made, and sent only if it is another one.
    ByContent,
    /// As long as no change is heard, it is not even made: for long answers to a path without
    /// parameters, about what changes tell of.
    ByChanges,
}

/// Tags what comes by its content.
pub(crate) async fn by_content(request: Request, next: Next) -> Response {
    let shown = request.headers().get(IF_NONE_MATCH).cloned();
    let is_get = request.method() == Method::GET;
    let answer = next.run(request).await;
    if is_get { tag(answer, shown.as_ref()).await } else { answer }
}

/// The newest answer of a path, by its tag.
#[derive(Clone)]
pub(crate) struct Newest {
    hub: Hub,
    told: Arc<Mutex<Option<Told>>>,
}

struct Told {
    /// The changes that had been heard before it was made.
    heard: u64,
    at: Instant,
    tag: HeaderValue,
}

/// What no change tells of, such as what somebody writes into the database by hand, is seen by then.
const TRUSTED_FOR: Duration = Duration::from_secs(60);

impl Newest {
    pub fn new(hub: Hub) -> Self {
        Self { hub, told: Arc::default() }
    }

    fn told(&self) -> MutexGuard<'_, Option<Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tag of what would be answered, if that is known.
    fn tag(&self, heard: u64) -> Option<HeaderValue> {
        let told = self.told();
        let told = told.as_ref()?;
        (told.heard == heard && told.at.elapsed() < TRUSTED_FOR).then(|| told.tag.clone())
    }
}

/// Tags what comes by its content, and makes it only if something may have changed.
pub(crate) async fn by_changes(
    State(newest): State<Newest>,
    request: Request,
    next: Next,
) -> Response {
    let heard = newest.hub.heard().filter(|_| request.method() == Method::GET);
    let Some(heard) = heard.filter(|_| request.uri().query().is_none()) else {
        return by_content(request, next).await;
    };
    let shown = request.headers().get(IF_NONE_MATCH);
    if let Some(tag) = newest.tag(heard)
        && shown.is_some_and(|shown| names(shown, &tag))
    {
        return unchanged(HeaderMap::from_iter([(ETAG, tag)]));
    }
    let answer = by_content(request, next).await;
    if let Some(tag) = answer.headers().get(ETAG).cloned() {
        *newest.told() = Some(Told { heard, at: Instant::now(), tag });
    }
    answer
}

async fn tag(answer: Response, shown: Option<&HeaderValue>) -> Response {
    if answer.status() != StatusCode::OK {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    let bytes = match to_bytes(body, usize::MAX).await {
        Ok(bytes) => bytes,
        Err(error) => return Problem::internal(&error).into_response(),
    };
    let sum = Sha256::digest(&bytes);
    let hex: String = sum.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    let Ok(tag) = HeaderValue::try_from(format!("\"{hex}\"")) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    parts.headers.insert(ETAG, tag.clone());
    if shown.is_some_and(|shown| names(shown, &tag)) {
        return unchanged(parts.headers);
    }
    Response::from_parts(parts, Body::from(bytes))
}

fn unchanged(mut headers: HeaderMap) -> Response {
    headers.remove(CONTENT_TYPE);
    headers.remove(CONTENT_LENGTH);
    (StatusCode::NOT_MODIFIED, headers).into_response()
}

/// Whether `If-None-Match` names this tag.
fn names(shown: &HeaderValue, tag: &HeaderValue) -> bool {
    let one = |shown: &str| {
        let shown = shown.trim();
        shown == "*" || shown.strip_prefix("W/").unwrap_or(shown).as_bytes() == tag.as_bytes()
    };
    shown.to_str().is_ok_and(|shown| shown.split(',').any(one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_the_shown_tags_is_enough() {
        let tag = HeaderValue::from_static("\"a1\"");
        for shown in ["\"a1\"", "W/\"a1\"", "\"b2\", \"a1\"", "*"] {
            assert!(names(&HeaderValue::from_static(shown), &tag), "{shown}");
        }
        for shown in ["", "a1", "\"a\"", "\"a12\"", "W/"] {
            assert!(!names(&HeaderValue::from_static(shown), &tag), "{shown}");
        }
    }
}
