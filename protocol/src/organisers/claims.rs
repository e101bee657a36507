use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Hostname;

/// A claim, which may be over.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClaimRecordBody {
    pub claim_id: i64,
    pub email: String,
    pub hostname: Hostname,
    /// `waiting`, `connecting`, `connected` or `failed`: how far connecting has come, or had come at
    /// the end.
    pub state: String,
    pub detail: Option<String>,
    pub claimed_at: Timestamp,
    /// Null: it is open.
    pub ended_at: Option<Timestamp>,
    /// Why it ended, such as `returned`, `released` or `destroyed`.
    pub ended_by: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClaimList {
    pub claims: Vec<ClaimRecordBody>,
    /// What `before` takes for the next page; null at the end.
    pub next: Option<i64>,
}
