use lablink_protocol::CleanResult;
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::state_dir::StateDir;

const FILE: &str = "cleaning.json";

/// The cleaning that was begun last, so that a restart goes on with it, and neither repeats it nor
/// forgets to report how it went.
#[derive(Clone, Serialize, Deserialize)]
pub struct CleanNote {
    pub claim_id: i64,
    /// None: it is not over.
    pub result: Option<CleanResult>,
    /// The allocator has heard of the result.
    pub reported: bool,
}

impl CleanNote {
    /// What an earlier run noted; a damaged file counts as nothing.
    pub fn load(state: &StateDir) -> anyhow::Result<Option<Self>> {
        let Some(text) = state.read(FILE)? else { return Ok(None) };
        Ok(serde_json::from_str(&text)
            .inspect_err(|problem| warn!("{FILE} is damaged and is ignored: {problem}"))
            .ok())
    }

    pub fn save(&self, state: &StateDir) -> anyhow::Result<()> {
        state.write(FILE, &serde_json::to_string(self)?)
    }
}
