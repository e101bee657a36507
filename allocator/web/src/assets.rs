use axum::{
    extract::{Path, Query},
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use crate::{http::Problem, pages::assets};

#[derive(Deserialize)]
pub struct Version {
    v: Option<String>,
}

/// A file that pages refer to. With its version in the URL it never changes.
pub async fn file(
    Path(name): Path<String>,
    Query(Version { v }): Query<Version>,
) -> Result<Response, Problem> {
    let asset = assets::find(&name).ok_or_else(|| Problem::not_found("There is no such file."))?;
    let caching = if v.is_some() { "public, max-age=31536000, immutable" } else { "no-cache" };
    Ok(([(CONTENT_TYPE, asset.content_type), (CACHE_CONTROL, caching)], asset.bytes)
        .into_response())
}
