use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// How often the log tells of guesses that were not looked at.
const EVERY: Duration = Duration::from_secs(60);

/// Reports guesses to the log: one line for many, so that they push nothing out of it.
pub(super) struct GuessLog {
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

impl GuessLog {
    pub fn of(secret: &'static str) -> Self {
        Self { secret, since: Mutex::default() }
    }

    /// Counts a wrong one. People mistype, so the log hears of it only with the next refusal.
    pub fn wrong(&self) {
        self.since.lock().unwrap_or_else(PoisonError::into_inner).wrong += 1;
    }

    /// Counts one that was not looked at, because too many were wrong.
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
