use serde::{Deserialize, Serialize};

/// What happens to a collection that leaves out possible results: links to elsewhere, and files in
/// folders that are left out by their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnSkipped {
    /// It reports them.
    #[default]
    Accept,
    /// It fails, so that nothing is destroyed for its sake.
    Stop,
}

impl OnSkipped {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
