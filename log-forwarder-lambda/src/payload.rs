use std::io::Read;

use aws_lambda_events::cloudwatch_logs::{LogData, LogEntry};
use base64::{Engine, prelude::BASE64_STANDARD};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;

/// Largest batch, unpacked, in bytes. `CloudWatch` sends up to 1 MiB packed; text packs about ten to
/// one, and the function has 128 MB.
const LARGEST: usize = 16 * 1024 * 1024;

/// What a subscription filter calls the function with (`CloudWatch` Logs user guide, "Subscription
/// filters with AWS Lambda").
#[derive(Deserialize)]
pub struct Subscription {
    awslogs: Packed,
}

#[derive(Deserialize)]
struct Packed {
    /// JSON, packed by gzip, in base64.
    data: String,
}

/// Lines of one log stream, which is named after the VM.
pub struct Batch {
    /// The account that the group belongs to.
    pub owner: String,
    pub log_group: String,
    pub log_stream: String,
    pub events: Vec<LogEntry>,
}

#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    #[error("the batch is not base64")]
    Base64(#[from] base64::DecodeError),
    #[error("the batch can't be unpacked by gzip")]
    Gzip(#[source] std::io::Error),
    #[error("the batch is larger than {LARGEST} bytes when unpacked")]
    TooLarge,
    #[error("the batch is not JSON as CloudWatch Logs sends it")]
    Json(#[from] serde_json::Error),
}

impl Subscription {
    /// The batch; none for a control message, by which `CloudWatch` tries whether the function is
    /// there. Batches that `aws_lambda_events` could unpack by itself, it unpacks without a bound.
    pub fn unpack(self) -> Result<Option<Batch>, PayloadError> {
        let packed = BASE64_STANDARD.decode(self.awslogs.data)?;
        let mut json = Vec::new();
        // One byte more tells a batch of just this size from a larger one.
        let length = MultiGzDecoder::new(&packed[..])
            .take(LARGEST as u64 + 1)
            .read_to_end(&mut json)
            .map_err(PayloadError::Gzip)?;
        if length > LARGEST {
            return Err(PayloadError::TooLarge);
        }
        let LogData { message_type, owner, log_group, log_stream, log_events, .. } =
            serde_json::from_slice(&json)?;
        let is_data = message_type == "DATA_MESSAGE";
        Ok(is_data.then_some(Batch { owner, log_group, log_stream, events: log_events }))
    }
}
