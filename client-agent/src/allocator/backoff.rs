use std::time::Duration;

use rand::RngExt as _;

/// Pauses between tries: each twice as long as the one before, up to a cap, and each drawn from
/// its upper half, so that a thousand agents do not come back in the same instant.
pub struct Backoff {
    first: Duration,
    cap: Duration,
    next: Duration,
}

impl Backoff {
    pub fn new(first: Duration, cap: Duration) -> Self {
        Self { first, cap, next: first }
    }

    /// How long to pause before the next try.
    pub fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(self.cap);
        pause.mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    /// As [`Self::pause`], but at least what the other side asked for, up to the cap.
    pub fn pause_of_at_least(&mut self, asked: Option<Duration>) -> Duration {
        self.pause().max(asked.unwrap_or_default().min(self.cap))
    }

    /// After a success: the next failure starts from the first pause again.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

/// `interval`, give or take a tenth, so that agents started together drift apart. At least a second.
pub fn jittered(interval: Duration) -> Duration {
    interval.max(Duration::from_secs(1)).mul_f64(rand::rng().random_range(0.9..=1.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_cap_and_start_anew_after_a_success() {
        let second = Duration::from_secs(1);
        let mut backoff = Backoff::new(second, second * 10);
        for longest in [1, 2, 4, 8, 10, 10] {
            let pause = backoff.pause();
            assert!(pause >= second * longest / 2 && pause <= second * longest, "{pause:?}");
        }
        backoff.reset();
        assert!(backoff.pause() <= second);
    }

    #[test]
    fn a_thousand_agents_that_lost_their_allocator_come_back_spread_over_seconds() {
        let mut tries_in_second = [0; 60];
        for _agent in 0..1000 {
            let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(10));
            let mut at = Duration::ZERO;
            while let Some(tries) = tries_in_second.get_mut(at.as_secs() as usize) {
                *tries += 1;
                at += backoff.pause();
            }
        }
        // A thousand tries each 7.5 s are 133 a second.
        let steady = &tries_in_second[40..];
        assert!(steady.iter().all(|tries| (50..250).contains(tries)), "{steady:?}");
    }

    #[test]
    fn a_wish_of_the_other_side_counts_up_to_the_cap() {
        let mut backoff = Backoff::new(Duration::from_millis(1), Duration::from_secs(10));
        let pause = backoff.pause_of_at_least(Some(Duration::from_secs(3)));
        assert_eq!(pause, Duration::from_secs(3));
        let pause = backoff.pause_of_at_least(Some(Duration::from_secs(3600)));
        assert_eq!(pause, Duration::from_secs(10));
    }
}
