use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970, as the database and the scripts tell time too.
pub type At = i64;

/// Tells time that never goes back, beside that of the database on the same machine.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    began: Instant,
    at: At,
}

impl Clock {
    pub fn start() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { began: Instant::now(), at: millis(since) }
    }

    pub fn now(&self) -> At {
        self.at + millis(self.began.elapsed())
    }
}

pub fn millis(duration: Duration) -> At {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
