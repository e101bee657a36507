//! What our own agents call, beside the original's endpoints.

use axum::{Json as JsonAnswer, extract::State};
use lablink_core::{Token, agents, claims, vms};
use lablink_protocol::{ClaimResult, Enrol, Enrolled, Heartbeat, HeartbeatAnswer};
use serde_json::{Value, json};

use crate::{
    AppState,
    auth::Caller,
    http::{Json, Problem},
};

/// Trades a one-time token for the agent's own. Public: the one-time token is the credential.
pub async fn enrol(
    State(state): State<AppState>,
    Json(enrol): Json<Enrol>,
) -> Result<JsonAnswer<Enrolled>, Problem> {
    let presented = Token::presented(&enrol.enrolment_token);
    let token = agents::enrol(&state.db, state.pool, &enrol.hostname, &presented).await?;
    Ok(JsonAnswer(Enrolled { agent_token: token.reveal().to_owned() }))
}

pub async fn heartbeat(
    State(state): State<AppState>,
    caller: Caller,
    Json(Heartbeat { hostname }): Json<Heartbeat>,
) -> Result<JsonAnswer<HeartbeatAnswer>, Problem> {
    caller.speaks_for(&hostname)?;
    vms::heartbeat(&state.db, state.pool, &hostname).await?;
    let interval_seconds = state.settings.heartbeat.as_secs();
    Ok(JsonAnswer(HeartbeatAnswer { interval_seconds }))
}

pub async fn claim_result(
    State(state): State<AppState>,
    caller: Caller,
    Json(result): Json<ClaimResult>,
) -> Result<JsonAnswer<Value>, Problem> {
    let actor = caller.speaks_for(&result.hostname)?;
    claims::report(&state.db, state.pool, &actor, &result).await?;
    Ok(JsonAnswer(json!({ "message": "Claim result stored." })))
}
