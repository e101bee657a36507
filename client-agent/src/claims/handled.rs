use lablink_protocol::{ClaimResult, Seen};
use serde::{Deserialize, Serialize};
use tracing::{error, warn};

use crate::state_dir::StateDir;

const FILE: &str = "handled.json";

/// The command that was carried out last, so that a restart neither repeats it nor forgets to
/// report how it went.
#[derive(Serialize, Deserialize)]
pub struct Handled {
    pub claim_id: i64,
    pub command_no: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unreported: Option<ClaimResult>,
}

impl Handled {
    pub fn seen(&self) -> Seen {
        Seen { claim_id: Some(self.claim_id), command_no: Some(self.command_no) }
    }

    /// What an earlier run handled; a damaged file counts as nothing.
    pub fn load(state: &StateDir) -> anyhow::Result<Option<Self>> {
        let Some(text) = state.read(FILE)? else { return Ok(None) };
        Ok(serde_json::from_str(&text)
            .inspect_err(|problem| warn!("{FILE} is damaged and is ignored: {problem}"))
            .ok())
    }

    /// A full disk must not keep a participant from a desktop: it is logged.
    pub fn save(&self, state: &StateDir) {
        let saved = serde_json::to_string(self)
            .map_err(anyhow::Error::from)
            .and_then(|text| state.write(FILE, &text));
        if let Err(problem) = saved {
            error!("a restart may repeat the last command: {problem:#}");
        }
    }

    pub fn forget(state: &StateDir) {
        if let Err(problem) = state.remove(FILE) {
            error!("{problem:#}");
        }
    }
}
