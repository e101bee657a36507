use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One change, with who made it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventBody {
    pub event_id: i64,
    pub at: Timestamp,
    pub actor: String,
    /// Such as `claim.created`.
    pub kind: String,
    pub hostname: Option<String>,
    /// What else belongs to this kind.
    pub data: Value,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EventList {
    pub events: Vec<EventBody>,
    /// What `before` takes for the next page; null at the end.
    pub next: Option<i64>,
}
