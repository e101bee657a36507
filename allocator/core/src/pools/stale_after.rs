use std::time::Duration;

/// Silence after which a VM whose agent sends heartbeats is not handed out
/// (`health.stale_after`).
#[derive(Clone, Copy, Debug)]
pub struct StaleAfter(pub Duration);

impl StaleAfter {
    pub(crate) fn as_seconds(self) -> f64 {
        self.0.as_secs_f64()
    }
}
