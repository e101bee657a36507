use axum::{
    extract::{Path, Query},
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::Deserialize;

use crate::{
    http::Problem,
    pages::{assets, fetched},
};

#[derive(Deserialize)]
pub struct Version {
    v: Option<String>,
}

/// One of others' scripts. Its URL changes with all of them.
pub async fn fetched(Path((_version, path)): Path<(String, String)>) -> Result<Response, Problem> {
    let script =
        fetched::find(&path).ok_or_else(|| Problem::not_found("There is no such file."))?;
    let headers = [
        (CONTENT_TYPE, "text/javascript; charset=utf-8"),
        (CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, script).into_response())
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
