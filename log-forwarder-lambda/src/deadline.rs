use std::time::{Duration, SystemTime};

use lambda_runtime::Context;
use tokio::time::Instant;

/// What is left over for telling AWS that it failed, before AWS ends the process.
const MARGIN: Duration = Duration::from_secs(1);

/// When an invocation must be over.
#[derive(Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    pub fn of(context: &Context) -> Self {
        let left = context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
        Self(Instant::now() + left.saturating_sub(MARGIN))
    }

    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}
