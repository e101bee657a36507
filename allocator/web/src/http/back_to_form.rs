//! Answers other methods at an address that only takes posts: people reload the page that answered
//! a post, or keep it as a bookmark.

use axum::{
    extract::{RawPathParams, Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};

use super::Wants;

/// Leads a browser to the page that has the form; programs are told that it takes another method.
/// `form` is that page's path, with the same parameters.
pub(crate) fn answer(
    form: &str,
    params: &RawPathParams,
    method: &Method,
    wants: Wants,
) -> Response {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    if reads && wants == Wants::Page {
        return Redirect::to(&filled(form, params)).into_response();
    }
    StatusCode::METHOD_NOT_ALLOWED.into_response()
}

/// The same before a handler that has JSON for programs at that address.
pub(crate) async fn browsers(
    State(form): State<&'static str>,
    params: RawPathParams,
    wants: Wants,
    request: Request,
    next: Next,
) -> Response {
    match wants {
        Wants::Page => Redirect::to(&filled(form, &params)).into_response(),
        Wants::Json => next.run(request).await,
    }
}

/// The page's path, with the parameters of this request written as they came.
pub(crate) fn filled(form: &str, params: &RawPathParams) -> String {
    params.iter().fold(form.to_owned(), |path, (name, value)| {
        let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
        path.replace(&format!("{{{name}}}"), &value.replace('+', "%20"))
    })
}
