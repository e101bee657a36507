use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How often the log tells of guesses that were not looked at.
const EVERY: Duration = Duration::from_secs(60);

/// What the log is told of guesses: one line for many, so that they push nothing out of it.
pub(super) struct Told {
    /// What is guessed.
    secret: &'static str,
    since: Mutex<Since>,
}

#[derive(Default)]
struct Since {
    told: Option<Instant>,
    wrong: u64,
    refused: u64,
}

impl Told {
    pub fn of(secret: &'static str) -> Self {
        Self { secret, since: Mutex::default() }
    }

    /// People mistype: it is told when there are too many.
    pub fn wrong(&self) {
        self.since.lock().unwrap_or_else(PoisonError::into_inner).wrong += 1;
    }

    /// One was not looked at, as too many were wrong.
    pub fn refused(&self, from: impl fmt::Display) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.refused += 1;
        if since.told.is_some_and(|told| told.elapsed() < EVERY) {
            return;
        }
        let Since { wrong, refused, .. } = *since;
        *since = Since { told: Some(Instant::now()), ..Since::default() };
        drop(since);
        tracing::warn!(
            secret = self.secret,
            wrong,
            refused,
            last_from = %from,
            "somebody guesses: so many were wrong and so many not looked at since the last such line"
        );
    }
}
