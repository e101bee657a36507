use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{AppState, http::Problem};

#[derive(Serialize, ToSchema)]
pub struct Health {
    status: &'static str,
}

/// The process lives.
#[utoipa::path(get, path = "", responses((status = 200, body = Health)))]
pub async fn alive() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// The process can do its work: the database answers and changes are heard.
#[utoipa::path(get, path = "", responses((status = 200, body = Health)))]
pub async fn ready(State(state): State<AppState>) -> Result<Json<Health>, Problem> {
    if state.stopping.is_cancelled() {
        return Err(Problem::try_again("stopping", "This allocator is stopping.", 5));
    }
    state.db.ping().await?;
    if !state.hub.is_connected() {
        let message = "Changes in the database are not heard at the moment.";
        return Err(Problem::try_again("not_listening", message, 2));
    }
    Ok(Json(Health { status: "ready" }))
}
