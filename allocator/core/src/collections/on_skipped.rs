use serde::{Deserialize, Serialize};

/// What becomes of a collection that leaves out what may be results: links to elsewhere, and files
/// in folders that are left out by their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnSkipped {
    /// It tells of them.
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
