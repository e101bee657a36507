//! The page with the machine's desktop.

use askama::Template;
use axum::{
    Extension,
    extract::State,
    response::{Html, IntoResponse, Redirect, Response},
};
use lablink_core::Token;

use super::{page::Way, routes::find};
use crate::{
    AppState,
    http::{Path, Problem, ShowsDesktop},
    links,
};

/// `{link}/desktop`. It leads back to the claim's page where there is nothing to show.
#[derive(Template)]
#[template(path = "claims/desktop.html")]
pub struct DesktopPage {
    pub link: Token,
    pub hostname: String,
}

/// The claimed machine's desktop.
#[utoipa::path(get, path = "", params(("link" = String, Path)), responses((status = 200, content_type = "text/html", body = String), (status = 303, description = "To the claim's page: there is no desktop to show.")))]
pub async fn page(
    State(state): State<AppState>,
    Path(link): Path<String>,
) -> Result<Response, Problem> {
    let claim = find(&state, &link).await?;
    let token = Token::presented(&link);
    if !Way::of(state.pool.rules().claiming.desktop, &claim.progress).is_by_tab() {
        return Ok(Redirect::to(&links::claim(&token)).into_response());
    }
    let page = DesktopPage { link: token, hostname: claim.hostname.to_string() };
    Ok((Extension(ShowsDesktop), Html(page.render()?)).into_response())
}
