use serde::{Deserialize, Serialize};

/// The code with which an agent is refused whose VM's claim has ended or changed hands: it is to take
/// a new token, by `POST /api/agent/token`.
pub const TOKEN_DUE: &str = "token_due";

/// Body of every error answered to a program.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ErrorBody {
    /// A sentence that says what to do.
    pub error: String,
    /// What went wrong, for programs: `snake_case`, stable.
    pub code: String,
    /// Finds the request in the allocator's log.
    pub request_id: String,
}
