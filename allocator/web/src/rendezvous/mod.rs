//! Where the two ends of a channel meet: each a WebSocket, the browser's and the agent's.

mod register;
mod upgrade;

pub use register::Channels;
pub(crate) use upgrade::{End, Upgrade, farewell, not_a_websocket};
