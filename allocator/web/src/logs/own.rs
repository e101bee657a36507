//! The page of the allocator's own log.

use askama::Template;
use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::Html,
};
use serde::Deserialize;
use tracing::Level;
use utoipa::{IntoParams, ToSchema};

use super::{
    find::bad_query,
    own_page::{OwnLogLine, OwnLogPage},
};
use crate::{AppState, http::Problem, pages::LogLevel};

/// Lines of the page.
const SHOWN: usize = 500;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// The least serious level to show.
    #[serde(default)]
    #[param(inline)]
    level: LeastLevel,
    /// A request's id, as in `X-Request-Id`.
    #[serde(default)]
    request: String,
}

#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum LeastLevel {
    #[default]
    Info,
    Warn,
    Error,
}

#[utoipa::path(get, path = "", params(Filter), responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page(
    State(state): State<AppState>,
    filter: Result<Query<Filter>, QueryRejection>,
) -> Result<Html<String>, Problem> {
    let Query(Filter { level, request }) = filter.map_err(|rejection| bad_query(&rejection))?;
    let request = request.trim().to_owned();
    let (least, level) = match level {
        // Finer ones are there where RUST_LOG asks for them.
        LeastLevel::Info => (Level::TRACE, LogLevel::Info),
        LeastLevel::Warn => (Level::WARN, LogLevel::Warn),
        LeastLevel::Error => (Level::ERROR, LogLevel::Error),
    };
    let of_request = (!request.is_empty()).then_some(&*request);
    let lines = state.own_log.last(least, of_request, SHOWN).into_iter().map(|entry| OwnLogLine {
        at: entry.at,
        level: shown(entry.level),
        request: entry.request,
        text: entry.text,
    });
    Ok(Html(OwnLogPage { lines: lines.collect(), level, request }.render()?))
}

fn shown(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        _ => LogLevel::Info,
    }
}
