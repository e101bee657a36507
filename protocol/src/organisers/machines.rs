use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Hostname;

/// A machine that may join, by a command that works once.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RegisteredBody {
    pub hostname: Hostname,
    pub enrolment_token: String,
    pub install_command: String,
    pub expires_at: Timestamp,
}
