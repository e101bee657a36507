//! What organisers' scripts read. Agents' types are in `lablink_protocol`.

use serde::Serialize;
use utoipa::ToSchema;

/// One event of a stream (server-sent events).
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the streams' library writes")]
pub struct StreamEvent {
    id: Option<String>,
    data: String,
}

/// That it is done, in a sentence.
#[derive(Serialize, ToSchema)]
pub struct Message {
    message: &'static str,
}

impl Message {
    pub fn new(message: &'static str) -> Self {
        Self { message }
    }
}
