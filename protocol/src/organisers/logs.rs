use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Hostname;

/// Lines, with the ids to go on from: `before` the first of them and `after` the last.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogPage {
    pub hostname: Hostname,
    pub lines: Vec<LogLine>,
    pub before: Option<i64>,
    pub after: Option<i64>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LogLine {
    pub id: i64,
    pub at: Timestamp,
    pub line: String,
}
