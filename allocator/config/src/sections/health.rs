use std::time::Duration;

use crate::{section::Section, syntax::duration};

/// `health`: how long a VM may be silent. Durations carry their unit: `60s`, `3m`.
#[derive(Clone, Debug)]
pub struct Health {
    /// Without a heartbeat for this long, a VM is stale and not handed out; default 60 s.
    pub stale_after: Duration,
    /// Without a heartbeat for this long, a VM is suspect; default 180 s.
    pub suspect_after: Duration,
    /// A VM that has been starting for this long is overdue, or earlier, by what others took;
    /// default 20 min.
    pub overdue_after: Duration,
}

impl Health {
    pub(crate) const SOONEST_OVERDUE: Duration = Duration::from_secs(60);

    pub(crate) fn read(health: &mut Section<'_>) -> Self {
        Self {
            stale_after: health.value("stale_after", duration).unwrap_or(Duration::from_secs(60)),
            suspect_after: health
                .value("suspect_after", duration)
                .unwrap_or(Duration::from_secs(180)),
            overdue_after: health
                .value("overdue_after", duration)
                .unwrap_or(Duration::from_secs(1200)),
        }
    }
}
