use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::admin::ComesFrom;

/// How often the log tells of wrong passwords.
const EVERY: Duration = Duration::from_secs(60);

/// What the log is told of wrong passwords: one line for many, so that they push nothing out of it.
#[derive(Default)]
pub(super) struct Told(Mutex<Since>);

#[derive(Default)]
struct Since {
    told: Option<Instant>,
    wrong: u64,
    refused: u64,
}

impl Told {
    pub fn wrong(&self, from: ComesFrom) {
        self.tell(from, |since| since.wrong += 1);
    }

    /// Not looked at, as too many were wrong.
    pub fn refused(&self, from: ComesFrom) {
        self.tell(from, |since| since.refused += 1);
    }

    fn tell(&self, from: ComesFrom, count: impl FnOnce(&mut Since)) {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        count(&mut since);
        if since.told.is_some_and(|told| told.elapsed() < EVERY) {
            return;
        }
        let Since { wrong, refused, .. } = *since;
        *since = Since { told: Some(Instant::now()), ..Since::default() };
        drop(since);
        tracing::warn!(
            wrong,
            refused,
            last_from = %from,
            "wrong passwords for the admin pages since the last such line; those refused were not \
             looked at"
        );
    }
}

impl fmt::Display for ComesFrom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Known(_) => f.write_str("a browser that knew the password"),
        }
    }
}
