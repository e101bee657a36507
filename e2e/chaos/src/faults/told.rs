use anyhow::Result;

use crate::history::Hits;

/// What came of a fault. None: there was nothing to do it to.
pub(super) type Done = Result<Option<Told>>;

/// What a fault hit, and what there is to say about it.
pub(super) struct Told {
    pub hits: Hits,
    pub note: String,
}

impl Told {
    pub fn new(hits: Hits, note: impl Into<String>) -> Self {
        Self { hits, note: note.into() }
    }
}
