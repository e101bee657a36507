//! Answers to organisers' scripts. Agents' types are in `lablink_protocol`.

use serde::Serialize;
use utoipa::ToSchema;

/// One event of a stream (server-sent events).
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes what the streams' library writes")]
pub struct StreamEvent {
    id: Option<String>,
    data: String,
}

/// A sentence that says what was done.
#[derive(Serialize, ToSchema)]
pub struct Message {
    message: &'static str,
}

impl Message {
    pub fn new(message: &'static str) -> Self {
        Self { message }
    }
}
