use lablink_protocol::LARGEST_MESSAGE;
use reqwest::Upgraded;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::{client::generate_key, derive_accept_key},
        protocol::{Role, WebSocketConfig},
    },
};

use crate::allocator::{Api, CallError};

/// What is read from the network at once, in bytes.
const READ: usize = 16 * 1024;

/// The agent's end of a channel.
pub type Socket = WebSocketStream<Upgraded>;

/// Opens a WebSocket at this path of the allocator.
pub async fn dial(api: &Api, path: &str) -> Result<Socket, CallError> {
    let key = generate_key();
    let upgraded = api.upgrade(path, &key, &derive_accept_key(key.as_bytes())).await?;
    let config = WebSocketConfig::default()
        .read_buffer_size(READ)
        // What is sent goes out at once.
        .write_buffer_size(0)
        .max_write_buffer_size(2 * LARGEST_MESSAGE)
        .max_message_size(Some(LARGEST_MESSAGE))
        .max_frame_size(Some(LARGEST_MESSAGE));
    Ok(WebSocketStream::from_raw_socket(upgraded, Role::Client, Some(config)).await)
}
