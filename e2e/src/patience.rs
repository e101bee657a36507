use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tokio::time::{Instant, sleep, timeout_at};

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until there is an answer. An error counts as 'not yet', since services restart under
/// these tests; the last one is part of the message when `patience` ends.
pub async fn eventually<T>(
    what: &str,
    patience: Duration,
    mut look: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + patience;
    let mut last = anyhow!("it did not come about");
    while let Ok(seen) = timeout_at(deadline, look()).await {
        match seen {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => {}
            Err(error) => last = error,
        }
        if timeout_at(deadline, sleep(LOOK_EVERY)).await.is_err() {
            break;
        }
    }
    Err(last).with_context(|| format!("waited {patience:?} for: {what}"))
}
