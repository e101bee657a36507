use std::{net::IpAddr, num::NonZero};

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use lablink_core::Email;

/// How often the claim form may be posted; each process counts for itself.
pub struct FormLimits {
    per_address: Option<DefaultKeyedRateLimiter<IpAddr>>,
    per_email: Option<DefaultKeyedRateLimiter<Email>>,
}

/// So many callers are remembered before those who have been quiet are forgotten.
const REMEMBERED: usize = 10_000;

impl FormLimits {
    /// Posts per minute; a whole minute's worth may come at once, as from a class behind one
    /// address. None: no limit.
    pub fn new(per_address: Option<NonZero<u32>>, per_email: Option<NonZero<u32>>) -> Self {
        Self {
            per_address: per_address.map(|posts| RateLimiter::keyed(Quota::per_minute(posts))),
            per_email: per_email.map(|posts| RateLimiter::keyed(Quota::per_minute(posts))),
        }
    }

    pub(crate) fn admits_address(&self, address: IpAddr) -> bool {
        admits(self.per_address.as_ref(), &address)
    }

    pub(crate) fn admits_email(&self, email: &Email) -> bool {
        admits(self.per_email.as_ref(), email)
    }
}

fn admits<K: std::hash::Hash + Eq + Clone>(
    limiter: Option<&DefaultKeyedRateLimiter<K>>,
    key: &K,
) -> bool {
    let Some(limiter) = limiter else { return true };
    if limiter.len() > REMEMBERED {
        limiter.retain_recent();
    }
    limiter.check_key(key).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_behind_one_address_gets_in_at_once_and_a_flood_does_not() {
        let limits = FormLimits::new(NonZero::new(60), NonZero::new(2));
        let (school, home) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        assert!((0..60).all(|_| limits.admits_address(school)));
        assert!(!limits.admits_address(school));
        assert!(limits.admits_address(home));
        let ada = "ada@example.org".parse().unwrap();
        assert!(
            limits.admits_email(&ada) && limits.admits_email(&ada) && !limits.admits_email(&ada)
        );
    }

    #[test]
    fn none_is_no_limit() {
        let limits = FormLimits::new(None, None);
        assert!((0..10_000).all(|_| limits.admits_address(IpAddr::from([192, 0, 2, 1]))));
    }
}
