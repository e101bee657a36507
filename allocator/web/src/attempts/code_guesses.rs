use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use lablink_core::AccessCode;

use super::{
    browser::{Browser, Visitor},
    guess_log::GuessLog,
    guesses::{Budget, Guess, Guesses, rate},
    limiter::{Limiter, Rate, Spent},
};

/// What was found about a code that somebody typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    Wrong,
    /// It was not looked at: too many others were wrong. How long until there is room again.
    NotLookedAt(Duration),
}

/// Bounds how fast the access code of a class can be guessed; each process counts for itself.
///
/// A code may be short, and a whole class mistypes it behind one address. So only *different* wrong
/// codes count, since only these tell a guesser something, and they count until their browser gives
/// the right one. Callers without a cookie of ours, such as programs that guess, are counted
/// separately, so that a class in the same network still gets in.
pub struct CodeGuesses {
    browsers: Guesses,
    others: Guesses,
    each_browser: Limiter<Browser>,
    log: GuessLog,
    tried: Mutex<Tried>,
}

/// A class of 200 may mistype twice each before anybody gets it right.
const BY_BROWSERS: Budget =
    Budget { network: rate(450, 12), all: rate(900, 10), site: rate(5, 240) };
const BY_OTHERS: Budget = Budget { network: rate(100, 15), all: rate(200, 12), site: rate(5, 240) };
const BY_ONE_BROWSER: Rate = rate(20, 6);

#[derive(Default)]
struct Tried {
    wrong: HashSet<AccessCode>,
    by: HashMap<Browser, Vec<Guess>>,
}

/// When there are this many, all are forgotten.
const REMEMBERED: usize = 20_000;

impl Default for CodeGuesses {
    fn default() -> Self {
        Self {
            browsers: Guesses::new(&BY_BROWSERS),
            others: Guesses::new(&BY_OTHERS),
            each_browser: Limiter::new(BY_ONE_BROWSER),
            log: GuessLog::of("access code"),
            tried: Mutex::default(),
        }
    }
}

impl CodeGuesses {
    /// Judges a code of somebody who has not given the right one before.
    pub(crate) fn judge(&self, wanted: &AccessCode, typed: &str, visitor: &Visitor) -> Verdict {
        let Ok(typed) = typed.parse::<AccessCode>() else { return Verdict::Wrong };
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        if tried.wrong.contains(&typed) {
            return Verdict::Wrong;
        }
        let guesses = match visitor.browser {
            Some(_) => &self.browsers,
            None => &self.others,
        };
        let guess = match self.count(guesses, visitor) {
            Ok(guess) => guess,
            Err(Spent(wait)) => {
                self.log.refused(visitor.network);
                return Verdict::NotLookedAt(wait);
            }
        };
        if wanted.matches(&typed) {
            guesses.was_right(guess);
            if let Some(browser) = visitor.browser {
                self.each_browser.take_back(&browser);
                for mistake in tried.by.remove(&browser).unwrap_or_default() {
                    self.each_browser.take_back(&browser);
                    guesses.forgive(mistake);
                }
            }
            return Verdict::Right;
        }
        self.log.wrong();
        if tried.wrong.len() >= REMEMBERED {
            *tried = Tried::default();
        }
        tried.wrong.insert(typed);
        if let Some(browser) = visitor.browser {
            tried.by.entry(browser).or_default().push(guess);
        }
        Verdict::Wrong
    }

    fn count(&self, guesses: &Guesses, visitor: &Visitor) -> Result<Guess, Spent> {
        let Some(browser) = visitor.browser else { return guesses.count(visitor.network) };
        self.each_browser.count(browser)?;
        guesses.count(visitor.network).inspect_err(|_spent| self.each_browser.take_back(&browser))
    }
}

#[cfg(test)]
mod tests;
