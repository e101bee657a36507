use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::{AppState, http::Problem};

/// The process lives.
pub async fn alive() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// The process can do its work: the database answers and changes are heard.
pub async fn ready(State(state): State<AppState>) -> Result<Json<Value>, Problem> {
    if state.stopping.is_cancelled() {
        return Err(Problem::try_again("stopping", "This allocator is stopping.", 5));
    }
    state.db.ping().await?;
    if !state.hub.is_connected() {
        let message = "Changes in the database are not heard at the moment.";
        return Err(Problem::try_again("not_listening", message, 2));
    }
    Ok(Json(json!({ "status": "ready" })))
}
