//! The participant's way to their machine.

use axum::{extract::State, response::Response};
use lablink_core::Token;
use lablink_protocol::ChannelTarget;

use super::{open::carry, watch::Watch};
use crate::{
    AppState,
    claims::routes::find,
    http::{Path, Problem},
    rendezvous::Upgrade,
};

/// A channel to the claim's own machine: binary messages of at most 64 KiB. It is closed with code
/// 4000 and a reason: `claim_over`, `no_answer`, `far_end_gone`, `not_running`, `replaced` or
/// `stopping`.
#[utoipa::path(get, path = "", params(("link" = String, Path), ("target" = ChannelTarget, Path)), responses((status = 101, description = "A WebSocket (RFC 6455).")))]
pub async fn channel(
    State(state): State<AppState>,
    Path((link, target)): Path<(String, String)>,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let Ok(target) = target.parse::<ChannelTarget>() else {
        return Err(Problem::not_found("No channel leads there."));
    };
    let token = Token::presented(&link);
    let Some(watch) = Watch::begin(&state, token.hash()).await? else {
        // It may be none at all.
        find(&state, &link).await?;
        return Err(no_longer());
    };
    if !watch.right.offers_desktop {
        return Err(Problem::conflict("no_desktop", "This machine shows no desktop in a browser."));
    }
    Ok(upgrade.answer(move |browser| carry(watch, target, browser)))
}

fn no_longer() -> Problem {
    let message = "This machine is not yours at the moment: its page says why.";
    Problem::conflict("claim_over", message)
}
