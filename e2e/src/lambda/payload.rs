use std::io::Write;

use anyhow::Result;
use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use serde::Serialize;
use serde_json::{Value, json};

/// One event of a log stream, as `CloudWatch` sends it.
#[derive(Clone, Debug, Serialize)]
pub struct LogEvent {
    /// 56 digits.
    pub id: String,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    pub message: String,
}

impl LogEvent {
    /// Written just now: the allocator drops old lines.
    pub fn new(nr: usize, message: impl Into<String>) -> Self {
        let timestamp = jiff::Timestamp::now().as_millisecond();
        Self { id: format!("{nr:056}"), timestamp, message: message.into() }
    }
}

/// What a subscription filter sends of a VM's log.
pub fn subscription(log_stream: &str, events: &[LogEvent]) -> Result<Value> {
    let data = json!({
        "messageType": "DATA_MESSAGE",
        "owner": "123456789012",
        "logGroup": "lablink-cloud-init-test",
        "logStream": log_stream,
        "subscriptionFilters": ["lablink_lambda_subscription_test"],
        "logEvents": events,
    });
    packed(data.to_string().as_bytes())
}

/// Bytes packed as a subscription filter packs them.
pub fn packed(data: &[u8]) -> Result<Value> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(data)?;
    Ok(json!({ "awslogs": { "data": BASE64_STANDARD.encode(gzip.finish()?) } }))
}
