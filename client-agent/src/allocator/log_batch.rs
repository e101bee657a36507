use lablink_protocol::Hostname;
use serde::Serialize;

/// Body of `POST /api/vm-logs`: one text, time and id per line.
#[derive(Default, Serialize)]
pub struct LogBatch {
    pub messages: Vec<String>,
    /// Milliseconds since 1970.
    pub timestamps: Vec<i64>,
    pub event_ids: Vec<String>,
}

/// A batch, addressed.
#[derive(Serialize)]
pub struct Addressed<'a> {
    log_group: &'static str,
    log_stream: &'a Hostname,
    #[serde(flatten)]
    batch: &'a LogBatch,
}

impl LogBatch {
    /// Most lines and bytes of text at once.
    pub const MOST_LINES: usize = 1000;
    pub const MOST_BYTES: usize = 256 * 1024;

    pub fn of<'a>(&'a self, hostname: &'a Hostname) -> Addressed<'a> {
        Addressed { log_group: "lablink-client", log_stream: hostname, batch: self }
    }

    pub fn push(&mut self, text: String, at: i64, event_id: String) {
        self.messages.push(text);
        self.timestamps.push(at);
        self.event_ids.push(event_id);
    }

    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    pub fn is_full(&self) -> bool {
        let bytes: usize = self.messages.iter().map(String::len).sum();
        self.messages.len() >= Self::MOST_LINES || bytes >= Self::MOST_BYTES
    }
}
