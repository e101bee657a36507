use std::time::Duration;

use axum::{
    extract::{
        FromRequestParts,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    },
    http::{StatusCode, request::Parts},
    response::Response,
};
use lablink_protocol::{Closing, LARGEST_MESSAGE};

use crate::{connections::Slot, http::Problem};

/// What is read from the network at once, in bytes: a channel keeps as much.
const READ: usize = 16 * 1024;
/// How long a close frame may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// A request that becomes a WebSocket.
pub(crate) struct Upgrade {
    upgrade: WebSocketUpgrade,
    slot: Option<Slot>,
}

/// One end of a channel. Its connection keeps its place among those that we hold.
pub(crate) struct End {
    pub socket: WebSocket,
    pub slot: Option<Slot>,
}

impl<S: Send + Sync> FromRequestParts<S> for Upgrade {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let slot = parts.extensions.get::<Slot>().cloned();
        let upgrade = WebSocketUpgrade::from_request_parts(parts, state).await;
        let upgrade = upgrade.map_err(|refusal| not_a_websocket(&refusal.body_text()))?;
        Ok(Self { upgrade, slot })
    }
}

pub(crate) fn not_a_websocket(why: &str) -> Problem {
    let message = format!("This address takes a WebSocket (RFC 6455) alone: {why}.");
    Problem::new(StatusCode::UPGRADE_REQUIRED, "websocket_only", message)
}

impl Upgrade {
    /// Agrees, and goes on with the WebSocket when it is there.
    pub(crate) fn answer<F>(self, then: impl FnOnce(End) -> F + Send + 'static) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { upgrade, slot } = self;
        upgrade
            .read_buffer_size(READ)
            // What is sent goes out at once.
            .write_buffer_size(0)
            .max_write_buffer_size(2 * LARGEST_MESSAGE)
            .max_message_size(LARGEST_MESSAGE)
            .max_frame_size(LARGEST_MESSAGE)
            .on_upgrade(|socket| then(End { socket, slot }))
    }
}

impl End {
    /// Says why, as far as the other side still listens.
    pub async fn close(mut self, closing: Closing) {
        let _gone = tokio::time::timeout(GOODBYE, self.socket.send(farewell(closing))).await;
    }
}

pub(crate) fn farewell(closing: Closing) -> Message {
    Message::Close(Some(CloseFrame { code: Closing::CODE, reason: closing.as_str().into() }))
}
