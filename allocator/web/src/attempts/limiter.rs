use std::{
    collections::HashMap,
    hash::Hash,
    num::NonZero,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// What may happen `at_once`, and again after each `every`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub at_once: NonZero<u32>,
    pub every: Duration,
}

impl Rate {
    /// `count` in a minute, all of which may come at once.
    pub fn per_minute(count: NonZero<u32>) -> Self {
        Self { at_once: count, every: Duration::from_secs(60) / count.get() }
    }

    fn whole(self) -> Duration {
        self.every * self.at_once.get()
    }
}

/// Counts what has happened lately, for each key. Unlike most rate limiters it can be asked without
/// counting, and can take back what turned out to be honest.
pub(super) struct Limiter<K> {
    rate: Rate,
    counted: Mutex<Counted<K>>,
}

struct Counted<K> {
    /// When all that a key has counted will be forgotten.
    forgotten_at: HashMap<K, Instant>,
    /// How many keys are held before expired ones are dropped.
    swept_at: usize,
}

const SWEPT_AT: usize = 1_024;
/// The most keys that are held. A caller with more addresses than this makes us forget, but takes
/// no more memory.
const MOST_KEYS: usize = 100_000;

/// There is no room: how long until there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spent(pub Duration);

impl<K: Eq + Hash> Limiter<K> {
    pub fn new(rate: Rate) -> Self {
        let counted = Counted { forgotten_at: HashMap::new(), swept_at: SWEPT_AT };
        Self { rate, counted: Mutex::new(counted) }
    }

    /// Whether there is room for one more.
    pub fn has_room(&self, key: &K) -> bool {
        self.room(self.counted().forgotten_at.get(key)).is_ok()
    }

    /// Whether no more than a quarter of what it may have is counted for it.
    pub fn has_most_left(&self, key: &K) -> bool {
        let counted = self.counted().forgotten_at.get(key).copied();
        counted
            .is_none_or(|at| at.saturating_duration_since(Instant::now()) <= self.rate.whole() / 4)
    }

    /// Counts one more, if there is room for it.
    pub fn count(&self, key: K) -> Result<(), Spent> {
        let mut counted = self.counted();
        let forgotten_at = self.room(counted.forgotten_at.get(&key))?;
        counted.sweep();
        counted.forgotten_at.insert(key, forgotten_at + self.rate.every);
        Ok(())
    }

    /// Takes one back.
    pub fn take_back(&self, key: &K) {
        if let Some(forgotten_at) = self.counted().forgotten_at.get_mut(key) {
            *forgotten_at -= self.rate.every;
        }
    }

    /// When the count so far will be forgotten, if there is room for one more.
    fn room(&self, forgotten_at: Option<&Instant>) -> Result<Instant, Spent> {
        let now = Instant::now();
        let forgotten_at = forgotten_at.map_or(now, |at| (*at).max(now));
        let filled = forgotten_at - now + self.rate.every;
        match filled.checked_sub(self.rate.whole()) {
            Some(over) if !over.is_zero() => Err(Spent(over)),
            _ => Ok(forgotten_at),
        }
    }

    fn counted(&self) -> MutexGuard<'_, Counted<K>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Counted<K> {
    /// Makes room for a key, in a time that is constant on average.
    fn sweep(&mut self) {
        if self.forgotten_at.len() < self.swept_at {
            return;
        }
        let now = Instant::now();
        self.forgotten_at.retain(|_, forgotten_at| *forgotten_at > now);
        if self.forgotten_at.len() >= MOST_KEYS {
            self.forgotten_at.clear();
        }
        self.swept_at = (self.forgotten_at.len() * 2).clamp(SWEPT_AT, MOST_KEYS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter() -> Limiter<u32> {
        let at_once = NonZero::new(3).unwrap();
        Limiter::new(Rate { at_once, every: Duration::from_secs(10) })
    }

    #[tokio::test(start_paused = true)]
    async fn room_comes_back_in_turn_and_for_what_is_taken_back() {
        let limiter = limiter();
        assert!((0..3).all(|_| limiter.has_room(&1) && limiter.count(1).is_ok()));
        assert!(!limiter.has_room(&1) && limiter.has_room(&2));
        assert!(!limiter.has_most_left(&1) && limiter.has_most_left(&2));
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(limiter.count(1), Err(Spent(Duration::from_secs(6))));
        tokio::time::advance(Duration::from_secs(6)).await;
        assert!(limiter.count(1).is_ok() && limiter.count(1).is_err());
        limiter.take_back(&1);
        assert!(limiter.count(1).is_ok() && limiter.count(1).is_err());
        tokio::time::advance(Duration::from_secs(1_000)).await;
        limiter.take_back(&1);
        assert_eq!((0..9).filter(|_| limiter.count(1).is_ok()).count(), 3, "never more at once");
    }

    #[tokio::test(start_paused = true)]
    async fn keys_take_no_more_memory_than_there_is_for_them() {
        let limiter = limiter();
        for key in 0..2 * u32::try_from(MOST_KEYS).unwrap() {
            limiter.count(key).unwrap();
            assert!(limiter.counted().forgotten_at.len() <= MOST_KEYS);
        }
        tokio::time::advance(Duration::from_secs(10)).await;
        limiter.counted().swept_at = 0;
        limiter.count(0).unwrap();
        assert_eq!(limiter.counted().forgotten_at.len(), 1, "what is forgotten is dropped");
    }
}
