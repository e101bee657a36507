use jiff::Timestamp;
use lablink_core::events::Entry;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// One change, with who made it.
#[derive(Serialize, ToSchema)]
pub struct EventBody {
    event_id: i64,
    at: Timestamp,
    actor: String,
    /// Such as `claim.created`.
    kind: String,
    hostname: Option<String>,
    /// What else belongs to this kind.
    data: Value,
}

#[derive(Serialize, ToSchema)]
pub struct EventList {
    pub events: Vec<EventBody>,
    /// What `before` takes for the next page; null at the end.
    pub next: Option<i64>,
}

impl From<Entry> for EventBody {
    fn from(entry: Entry) -> Self {
        let Entry { id, at, actor, kind: _, word: kind, hostname, data } = entry;
        Self { event_id: id, at, actor, kind, hostname, data }
    }
}
