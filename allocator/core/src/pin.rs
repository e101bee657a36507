use std::fmt;

use rand::RngExt;

/// Six random digits from the OS that unlock one participant's remote desktop. Hides itself in
/// logs; `reveal` is for the agent and for the participant's own page.
#[derive(Clone)]
pub struct Pin(String);

impl Pin {
    pub fn random() -> Self {
        Self(format!("{:06}", rand::rng().random_range(0..1_000_000)))
    }

    pub(crate) fn stored(digits: String) -> Self {
        Self(digits)
    }

    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(…)")
    }
}
