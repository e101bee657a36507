use std::{
    collections::HashMap,
    hash::Hash,
    num::NonZero,
    sync::{Mutex, PoisonError},
    time::Instant,
};

/// How much of something each caller may have in a minute, and how much at once after a while
/// without any.
pub(super) struct Budget<K> {
    per_second: f64,
    most: f64,
    accounts: Mutex<Accounts<K>>,
}

struct Accounts<K> {
    of: HashMap<K, Account>,
    /// When this many are held, those that are full again are forgotten, since they tell nothing.
    forget_at: usize,
}

#[derive(Clone, Copy)]
struct Account {
    left: f64,
    at: Instant,
}

const REMEMBERED: usize = 10_000;

impl<K: Eq + Hash + Clone> Budget<K> {
    /// `per_minute`, and `minutes` times that at once.
    pub fn new(per_minute: NonZero<u64>, minutes: u32) -> Self {
        let per_minute = exact(per_minute.get());
        let accounts = Accounts { of: HashMap::new(), forget_at: REMEMBERED };
        Self {
            per_second: per_minute / 60.0,
            most: per_minute * f64::from(minutes),
            accounts: Mutex::new(accounts),
        }
    }

    /// Takes as much of `wanted` as is left, in whole units.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number between 0 and what was wanted"
    )]
    pub fn take(&self, caller: &K, wanted: u64) -> u64 {
        self.settle(caller, |left| exact(wanted).min(left.floor())) as u64
    }

    /// Takes all of it or nothing. A wish for more than the whole budget costs the whole budget.
    pub fn spend(&self, caller: &K, wanted: u64) -> bool {
        let wanted = exact(wanted).min(self.most);
        self.settle(caller, |left| if left >= wanted { wanted } else { 0.0 }) >= wanted
    }

    /// Takes what `take` says of what is left.
    fn settle(&self, caller: &K, take: impl FnOnce(f64) -> f64) -> f64 {
        let now = Instant::now();
        let filled = |account: &Account| {
            let since = now.saturating_duration_since(account.at).as_secs_f64();
            (account.left + since * self.per_second).min(self.most)
        };
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if accounts.of.len() >= accounts.forget_at {
            accounts.of.retain(|_, account| filled(account) < self.most);
            accounts.forget_at = REMEMBERED.max(accounts.of.len() * 2);
        }
        let new = || Account { left: self.most, at: now };
        let account = accounts.of.entry(caller.clone()).or_insert_with(new);
        let left = filled(account);
        let taken = take(left);
        *account = Account { left: left - taken, at: now };
        taken
    }
}

/// Exact up to 2^53, and nobody is given more.
#[expect(clippy::cast_precision_loss, reason = "budgets are far below")]
fn exact(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(per_minute: u64, minutes: u32) -> Budget<u64> {
        Budget::new(NonZero::new(per_minute).unwrap(), minutes)
    }

    #[test]
    fn each_caller_has_its_own_and_no_more_than_that() {
        let budget = budget(60, 5);
        assert_eq!(budget.take(&1, 250), 250);
        assert_eq!(budget.take(&1, 250), 50);
        assert_eq!(budget.take(&1, 250), 0);
        assert_eq!(budget.take(&2, 300), 300);
        assert!(!budget.spend(&2, 1) && budget.spend(&3, 1));
    }

    #[test]
    fn all_or_nothing_and_what_is_larger_than_the_budget_for_all_of_it() {
        let budget = budget(60, 1);
        assert!(budget.spend(&1, 50) && !budget.spend(&1, 11) && budget.spend(&1, 10));
        assert!(budget.spend(&2, 10_000) && !budget.spend(&2, 1));
    }

    #[test]
    fn it_fills_again_with_time() {
        let budget = budget(60, 1);
        budget.take(&1, 60);
        let mut accounts = budget.accounts.lock().unwrap();
        accounts.of.get_mut(&1).unwrap().at -= std::time::Duration::from_secs(30);
        drop(accounts);
        assert_eq!(budget.take(&1, 60), 30);
    }

    #[test]
    fn callers_that_were_never_seen_again_are_forgotten() {
        let budget = budget(60_000_000, 1);
        for caller in 0..100_000 {
            budget.take(&caller, 1);
        }
        // A microsecond fills one again.
        assert!(budget.accounts.lock().unwrap().of.len() < 3 * REMEMBERED);
    }
}
