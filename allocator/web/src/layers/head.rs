use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode},
};

use crate::http::Problem;

/// Most headers that a request may have, and most bytes that they may take with its path.
const MOST_HEADERS: usize = 100;
const LARGEST: usize = 16 * 1024;

/// Refuses requests with more than that, in words; the connection itself takes twice as much.
pub(super) fn refuse_large_heads(request: &Request) -> Result<(), Problem> {
    let headers = request.headers();
    let path = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    if headers.len() > MOST_HEADERS || path + size(headers) > LARGEST {
        return Err(Problem::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "large_head",
            format!(
                "The request's headers are too many or too large: send at most {MOST_HEADERS}, of \
                 {LARGEST} bytes in all. In a browser, delete this site's cookies."
            ),
        ));
    }
    Ok(())
}

/// As they are written: with a colon, a blank and a line's end each.
fn size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum()
}
