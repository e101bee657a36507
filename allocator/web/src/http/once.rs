//! The key by which a request that is sent again is recognised: see [`lablink_core::scope`].

use axum::{
    body::{Body, Bytes},
    extract::{FromRequest, Request},
    http::{
        HeaderName, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
        request::Parts,
    },
    middleware::Next,
    response::Response,
};
use lablink_core::scope::{Key, Once};

use super::{Problem, multipart::as_plain_form};

/// The hidden field of every form that begins something.
pub(crate) const FIELD: &str = "form_key";

/// A program's way to send one.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// What [`keyed`] has read.
#[derive(Clone)]
pub(crate) struct Sent(pub Option<Once>);

/// Reads the key of a request and takes it out of the form, so that the handler gets only fields
/// that it knows. The rest of the request is the wish.
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

/// Two copies of one multipart form differ in their boundaries, so they are compared as plain
/// forms.
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
    // Without a key the form stays as it came: its reader says what is wrong with it.
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
