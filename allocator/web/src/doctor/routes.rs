use askama::Template;
use axum::{
    Json,
    extract::{Path, State},
    response::Html,
};
use lablink_checks::{Code, Report};

use super::page::{DoctorPage, GuidePage};
use crate::{AppState, http::Problem};

/// Which layer of this deployment is broken.
#[utoipa::path(get, path = "", responses((status = 200, content_type = "text/html", body = String)))]
pub async fn page(State(state): State<AppState>) -> Result<Html<String>, Problem> {
    let report = state.checkup.run().await;
    let first = report.first_broken().map(|checked| checked.code);
    Ok(Html(DoctorPage { checks: report.checks, first }.render()?))
}

/// Looks at each layer of this deployment, and says which is broken and what to do. It takes some
/// seconds, and at most a minute.
#[utoipa::path(get, path = "", responses((status = 200, body = Report)))]
pub async fn report(State(state): State<AppState>) -> Json<Report> {
    Json(state.checkup.run().await)
}

/// What a code means, and what to do.
#[utoipa::path(get, path = "", params(("code" = String, Path)),
    responses((status = 200, content_type = "text/html", body = String)))]
pub async fn guide(Path(code): Path<String>) -> Result<Html<String>, Problem> {
    let known = Code::ALL.into_iter().find(|it| it.as_str() == code);
    let code = known.ok_or_else(|| Problem::not_found("There is no such code."))?;
    Ok(Html(GuidePage::of(code).render()?))
}
