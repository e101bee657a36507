use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use rand::{RngExt as _, SeedableRng, rngs::StdRng};

/// One actor's choices: the same for the same seed, whatever the others do.
pub struct Dice(StdRng);

impl Dice {
    pub fn new(seed: u64, role: &str, number: usize) -> Self {
        let mut hash = DefaultHasher::new();
        (seed, role, number).hash(&mut hash);
        Self(StdRng::seed_from_u64(hash.finish()))
    }

    pub fn chance(&mut self, percent: u32) -> bool {
        self.0.random_range(0..100) < percent
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end.max(1))
    }

    /// Milliseconds, or anything else that is counted.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        self.0.random_range(low..=high)
    }

    pub fn millis(&mut self, low: u64, high: u64) -> Duration {
        Duration::from_millis(self.between(low, high))
    }

    pub fn one_of<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let chosen = self.below(items.len());
        items.get(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_choices_and_roles_differ() {
        let throws = |role, number| -> Vec<u64> {
            let mut dice = Dice::new(7, role, number);
            (0..8).map(|_| dice.between(0, 1_000_000)).collect()
        };
        assert_eq!(throws("organiser", 0), throws("organiser", 0));
        assert_ne!(throws("organiser", 0), throws("organiser", 1));
        assert_ne!(throws("organiser", 0), throws("participant", 0));
    }
}
