use std::time::Duration;

/// How long an agent that sends heartbeats may be silent before its VM is not handed out
/// (`health.stale_after`).
#[derive(Clone, Copy, Debug)]
pub struct StaleAfter(pub Duration);

impl StaleAfter {
    pub(crate) fn as_seconds(self) -> f64 {
        self.0.as_secs_f64()
    }
}
