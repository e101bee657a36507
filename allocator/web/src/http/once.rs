//! The key by which the same request is known if it is sent again: see [`lablink_core::scope`].

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, FromRequestParts, Request},
    http::{
        HeaderName, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
        request::Parts,
    },
    middleware::Next,
    response::Response,
};
use lablink_core::{
    Scope,
    scope::{Key, Once},
};

use super::{Problem, multipart::as_plain_form};
use crate::auth::Caller;

/// The hidden field of every form that begins something.
pub(crate) const FIELD: &str = "form_key";

/// A program's way to send one.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// What [`keyed`] has read.
#[derive(Clone)]
struct Sent(Option<Once>);

/// Reads the key of a request and takes it out of its form, which has the fields that the handler
/// knows then. All else that the request says is the wish.
pub(crate) async fn keyed(request: Request, next: Next) -> Result<Response, Problem> {
    let mut request = plain(request).await?;
    let header = request.headers().get(HEADER).cloned();
    let header = header.map(|value| presented(value.to_str().unwrap_or_default())).transpose()?;
    let is_json = content_type(&request).is_some_and(|it| it.starts_with(b"application/json"));
    let once = match header {
        None if is_json => None,
        header => {
            let (parts, body) = read(request).await?;
            let (field, rest) = if is_json { (None, body) } else { split(&body) };
            let field = field.as_deref().map(presented).transpose()?;
            let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
            let wish = [parts.method.as_str().as_bytes(), path.as_bytes(), &rest].join(&b' ');
            request = Request::from_parts(parts, Body::from(rest));
            header.or(field).map(|key| Once::new(key, wish))
        }
    };
    request.extensions_mut().insert(Sent(once));
    Ok(next.run(request).await)
}

fn content_type(request: &Request) -> Option<Vec<u8>> {
    Some(request.headers().get(CONTENT_TYPE)?.as_bytes().to_ascii_lowercase())
}

/// Two copies of a multipart form differ in what parts them.
async fn plain(request: Request) -> Result<Request, Problem> {
    match content_type(&request) {
        Some(it) if it.starts_with(b"multipart/form-data") => as_plain_form(request, &()).await,
        _ => Ok(request),
    }
}

async fn read(request: Request) -> Result<(Parts, Bytes), Problem> {
    let (mut parts, body) = request.into_parts();
    let whole = Request::from_parts(parts.clone(), body);
    let body = Bytes::from_request(whole, &()).await.map_err(|rejection| {
        let code = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => "too_large",
            _ => "unreadable",
        };
        Problem::unread(rejection.status(), code, &rejection)
    })?;
    parts.headers.remove(CONTENT_LENGTH);
    Ok((parts, body))
}

/// The key's field of a form, and the others.
fn split(form: &Bytes) -> (Option<String>, Bytes) {
    let mut key = None;
    let mut rest = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(form) {
        if name == FIELD {
            key = Some(value.into_owned());
        } else {
            rest.append_pair(&name, &value);
        }
    }
    // Without one, it stays as it came: what is wrong with it is told by who reads it.
    if key.is_none() { (None, form.clone()) } else { (key, rest.finish().into()) }
}

fn presented(text: &str) -> Result<Key, Problem> {
    Key::presented(text).ok_or_else(|| {
        Problem::invalid(
            "Idempotency-Key: send a random one, such as a UUID: 22 to 128 letters, digits, - and \
             _. A form that says so has lost its key: open its page again.",
        )
    })
}

/// Who asks for something, and by what the same wish is known if it is sent again.
pub(crate) struct Asking(pub Scope);

impl Asking {
    /// For what counts as the same by less than the whole request.
    pub fn key(&self) -> Option<Key> {
        self.0.once.as_ref().map(|once| once.key().clone())
    }
}

impl<S: Sync> FromRequestParts<S> for Asking {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Caller(scope) = Caller::from_request_parts(parts, state).await?;
        // A route without `keyed` would forget that it was asked before.
        let Some(Sent(once)) = parts.extensions.get().cloned() else {
            return Err(Problem::internal(&NotKeyed));
        };
        Ok(Self(scope.once(once)))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the route reads no key")]
struct NotKeyed;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_taken_out_of_its_form() {
        let (key, rest) = split(&"a=1&form_key=k&hostname=x&hostname=y%26z&b=%C3%BC".into());
        assert_eq!(key.as_deref(), Some("k"));
        assert_eq!(rest, "a=1&hostname=x&hostname=y%26z&b=%C3%BC");
        let (key, rest) = split(&"a=1&&%zz".into());
        assert_eq!((key, rest), (None, "a=1&&%zz".into()));
    }
}
