use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use sha2::{Digest, Sha256};
use tokio::time::Instant;

/// A login is remembered while it is used; after this time without use it is checked again.
const UNUSED: Duration = Duration::from_secs(2 * 3_600);
/// It is checked again after this time in any case.
const AT_MOST: Duration = Duration::from_secs(12 * 3_600);

/// The credentials that were last found right. A page would else cost a slow hash each time. It ends
/// with the process, as does the hash that they fit.
pub(super) struct Remembered {
    /// Keys the digests, so that they are of no use outside this process.
    key: [u8; 32],
    last: Mutex<Option<Right>>,
}

struct Right {
    digest: [u8; 32],
    verified_at: Instant,
    used_at: Instant,
}

/// What is known of credentials before they are hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// They are right.
    Right,
    /// They were right, and are to be looked at again.
    OfOld,
    Unknown,
}

impl Remembered {
    pub fn new() -> Self {
        Self { key: rand::random(), last: Mutex::default() }
    }

    pub fn knows(&self, credentials: &str) -> Known {
        let digest = self.digest(credentials);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *last {
            Some(right) if right.digest == digest => {
                if right.verified_at.elapsed() < AT_MOST && right.used_at.elapsed() < UNUSED {
                    right.used_at = Instant::now();
                    Known::Right
                } else {
                    Known::OfOld
                }
            }
            _ => Known::Unknown,
        }
    }

    pub fn remember(&self, credentials: &str) {
        let (digest, now) = (self.digest(credentials), Instant::now());
        let right = Right { digest, verified_at: now, used_at: now };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(right);
    }

    /// As if a long time had passed, for tests of what comes then.
    #[cfg(test)]
    pub fn forget(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn digest(&self, credentials: &str) -> [u8; 32] {
        Sha256::new().chain_update(self.key).chain_update(credentials.as_bytes()).finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_login_stays_while_it_is_used_and_not_for_ever() {
        let remembered = Remembered::new();
        assert_eq!(remembered.knows("ada:right"), Known::Unknown);
        remembered.remember("ada:right");
        let hour = Duration::from_secs(3_600);
        for _ in 0..11 {
            tokio::time::advance(hour).await;
            assert_eq!(remembered.knows("ada:right"), Known::Right);
        }
        tokio::time::advance(hour).await;
        assert_eq!(remembered.knows("ada:right"), Known::OfOld);
        assert_eq!(remembered.knows("ada:wrong"), Known::Unknown);
        remembered.remember("ada:right");
        tokio::time::advance(UNUSED).await;
        assert_eq!(remembered.knows("ada:right"), Known::OfOld, "nobody used it");
    }
}
