use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// When the steps of some work have to end, done or not. Each has a deadline of its own as well.
#[derive(Clone, Debug, Default)]
pub struct Limit {
    stop: CancellationToken,
    by: Option<Instant>,
}

impl Limit {
    /// A limit without a time: until a signal.
    pub fn until(stop: CancellationToken) -> Self {
        Self { stop, by: None }
    }

    /// The same limit, and at most this long from now.
    pub fn within(self, patience: Duration) -> Self {
        self.by(Instant::now() + patience)
    }

    pub fn by(self, end: Instant) -> Self {
        let by = Some(self.by.map_or(end, |by| by.min(end)));
        Self { by, ..self }
    }

    /// Waits until the steps have to end.
    pub async fn reached(&self) {
        let time_is_up = async {
            match self.by {
                Some(by) => sleep_until(by).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = time_is_up => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_earliest_end_counts() {
        let before = Instant::now();
        let (short, long) = (Duration::from_secs(2), Duration::from_secs(9));
        Limit::default().within(long).within(short).reached().await;
        assert_eq!(before.elapsed(), short);
        Limit::default().within(short).within(long).reached().await;
        assert_eq!(before.elapsed(), short * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn somebody_may_say_so_before() {
        let (stop, before) = (CancellationToken::new(), Instant::now());
        let limit = Limit::until(stop.clone()).within(Duration::from_secs(9));
        stop.cancel();
        limit.reached().await;
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
}
