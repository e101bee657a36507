use axum::extract::Request;

use crate::{connections::Slot, http::Problem};

/// Answered even where there is no room for the connection, so that probes learn that the process
/// lives.
const ALIVE: [&str; 3] = ["/healthz", "/health", "/api/health"];

/// Tells callers to come again for whose connection there is no room.
pub(super) fn turn_away(request: &Request) -> Result<(), Problem> {
    let is_turned_away = request.extensions().get().is_some_and(Slot::is_turned_away);
    if is_turned_away && !ALIVE.contains(&request.uri().path()) {
        return Err(Problem::try_again(
            "too_many_connections",
            "LabLink has as many open connections as it can take, in all or from your address. Try \
             again in a moment; close other pages of it if that lasts.",
            5,
        ));
    }
    Ok(())
}
