use axum::{
    body::Body,
    extract::{FromRequest, Multipart, Request, multipart::MultipartError},
    http::{
        HeaderValue, StatusCode,
        header::{CONTENT_LENGTH, CONTENT_TYPE},
    },
};

use super::Problem;

/// The form of a form, unless it says otherwise.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// Rewrites a multipart form as the form that browsers send by default, so that one place reads
/// both. The route's limit holds for both.
pub(super) async fn as_plain_form<S: Send + Sync>(
    request: Request,
    state: &S,
) -> Result<Request, Problem> {
    let (mut parts, body) = request.into_parts();
    let multipart = Multipart::from_request(Request::from_parts(parts.clone(), body), state).await;
    let mut multipart = multipart.map_err(|rejection| {
        Problem::new(rejection.status(), "malformed_form", rejection.body_text())
    })?;
    let mut fields = Vec::new();
    while let Some(field) = multipart.next_field().await.map_err(unreadable)? {
        let Some(name) = field.name().map(str::to_owned) else {
            return Err(Problem::invalid("A part of the form has no name: give it one."));
        };
        if field.file_name().is_some() {
            return Err(Problem::invalid(format!("{name}: send it as text, not as a file.")));
        }
        fields.push((name, field.text().await.map_err(unreadable)?));
    }
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static(FORM));
    parts.headers.remove(CONTENT_LENGTH);
    Ok(Request::from_parts(parts, Body::from(form)))
}

fn unreadable(error: MultipartError) -> Problem {
    let code = match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        _ => "malformed_form",
    };
    Problem::unread(error.status(), code, &error)
}
