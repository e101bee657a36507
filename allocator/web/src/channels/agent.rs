//! The agent's end of a channel, as it comes: from the agent, or by way of another allocator.

use axum::{
    RequestExt,
    extract::{Request, State},
    http::{HeaderMap, header::AUTHORIZATION},
    response::Response,
};
use lablink_core::{Actor, Token, channels::take};

use super::far;
use crate::{
    AppState,
    auth::Caller,
    http::{Path, Problem},
    rendezvous::Upgrade,
};

/// An agent dials a channel that its wait has told of: a WebSocket.
#[utoipa::path(get, path = "", params(("channel_id" = String, Path)), responses((status = 101, description = "A WebSocket (RFC 6455).")))]
pub async fn dial(
    State(state): State<AppState>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    mut request: Request,
) -> Result<Response, Problem> {
    // Who has no token is no agent that we told of a channel.
    let Actor::Agent(hostname) = &scope.actor else { return Err(Problem::unauthorized()) };
    let handshake = far::Handshake::read(request.headers())?;
    let id = Token::presented(&id);
    let held = take(&scope.db, hostname, &id).await?.ok_or_else(gone)?;
    match state.channels.meet(&id, &held.secret) {
        Some(meets) => {
            let upgrade: Upgrade = request.extract_parts().await?;
            Ok(upgrade.answer(async move |agent| drop(meets.send(agent))))
        }
        None if held.holder == state.channels.address() => Err(gone()),
        None => far::hand_over(&held, &id, &handshake, &mut request).await,
    }
}

/// Another allocator brings an agent's end to the one that has the browser's.
#[utoipa::path(get, path = "", params(("channel_id" = String, Path)), responses((status = 101, description = "A WebSocket (RFC 6455).")))]
pub async fn meet(
    State(state): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let secret = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let secret = secret.and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(gone)?;
    let (id, secret) = (Token::presented(&id), Token::presented(secret));
    let meets = state.channels.meet(&id, &secret).ok_or_else(gone)?;
    Ok(upgrade.answer(async move |agent| {
        if let Some(slot) = &agent.slot {
            slot.recognise(secret.reveal());
        }
        drop(meets.send(agent));
    }))
}

fn gone() -> Problem {
    Problem::not_found("Nobody waits for this channel, or it was dialled before.")
}
