use std::{fmt, net::IpAddr, str::FromStr, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    browser::Browser,
    fits_bcrypt,
    guesses::{Budget, Guess, Guesses, rate},
    remembered::{Known, Remembered},
    tally::{Rate, Spent, Tally},
    told::Told,
};

/// Slow hashes at once, for those of whom nothing is known: guessing must not take all the cores
/// from a class. Who is known has as many beside them.
const AT_ONCE: usize = 1;
/// So many of those of whom nothing is known may wait for their turn.
const WAITING: usize = 8;

/// Wrong passwords. What one site has whatever others do is little: a password is long.
const WRONG: Budget = Budget { network: rate(10, 1), all: rate(30, 1), site: rate(3, 60) };
/// Of a browser from which the right one came before.
const WRONG_IN_BROWSER: Rate = rate(10, 1);

/// The organiser's login: one user, one bcrypt hash.
pub struct AdminLogin {
    user: String,
    hash: String,
    remembered: Remembered,
    wrong: Guesses,
    wrong_in_browser: Tally<Browser>,
    known: Turns,
    unknown: Turns,
    told: Told,
}

/// From where credentials come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ComesFrom {
    Address(IpAddr),
    /// A browser from which the right ones came before.
    Known(Browser),
}

/// Right credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Login {
    pub user: String,
    pub found: Found,
}

/// How credentials were found to be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Remembered,
    Verified,
}

/// Why credentials get nobody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoLogin {
    Wrong,
    /// They were not looked at: too many from there were wrong. There is room again after so long.
    TooMany(Duration),
    /// They were not looked at: too many others wait.
    Busy,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "the admin password's hash is not a bcrypt hash: make one with `lablink-allocator hash-password`"
)]
pub struct InvalidHash(#[source] bcrypt::BcryptError);

impl AdminLogin {
    pub fn new(user: String, hash: String) -> Result<Self, InvalidHash> {
        bcrypt::HashParts::from_str(&hash).map_err(InvalidHash)?;
        Ok(Self {
            user,
            hash,
            remembered: Remembered::new(),
            wrong: Guesses::new(&WRONG),
            wrong_in_browser: Tally::new(WRONG_IN_BROWSER),
            known: Turns::new(),
            unknown: Turns::new(),
            told: Told::of("admin password"),
        })
    }

    /// Looks at the value of an `Authorization: Basic` header. What was right of late costs nothing,
    /// whatever else comes from its address; anything else is counted before it costs a slow hash.
    pub(crate) async fn verify(
        self: &Arc<Self>,
        credentials: &str,
        from: ComesFrom,
    ) -> Result<Login, NoLogin> {
        let Some(shown) = Shown::read(credentials) else { return Err(NoLogin::Wrong) };
        let counted = match self.remembered.knows(&shown.credentials) {
            Known::Right => return Ok(shown.login(Found::Remembered)),
            Known::OfOld => Counted::Nothing,
            Known::Unknown => self.count(from).map_err(|Spent(wait)| {
                self.told.refused(from);
                NoLogin::TooMany(wait)
            })?,
        };
        let turns = match &counted {
            Counted::Guess(guess) if !self.wrong.is_known_at(guess.network()) => &self.unknown,
            _ => &self.known,
        };
        let Some(turn) = turns.take().await else {
            self.forgive(counted);
            return Err(NoLogin::Busy);
        };
        // Another request with the same credentials may have had its turn meanwhile.
        if self.remembered.knows(&shown.credentials) == Known::Right {
            self.forgive(counted);
            return Ok(shown.login(Found::Remembered));
        }
        // Goes on to its end with its turn, also where nobody waits for the answer any more.
        let login = Arc::clone(self);
        let hashing = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let is_right = login.is_right(&shown);
            if is_right {
                login.remembered.remember(&shown.credentials);
                login.was_right(counted);
            }
            is_right.then(|| shown.login(Found::Verified))
        });
        hashing.await.ok().flatten().ok_or_else(|| {
            self.told.wrong();
            NoLogin::Wrong
        })
    }

    /// Both are looked at, so that a wrong name takes as long as a wrong password.
    fn is_right(&self, shown: &Shown) -> bool {
        matches!(bcrypt::verify(&shown.password, &self.hash), Ok(true)) && shown.user == self.user
    }

    fn count(&self, from: ComesFrom) -> Result<Counted, Spent> {
        match from {
            ComesFrom::Address(address) => self.wrong.count(address).map(Counted::Guess),
            ComesFrom::Known(browser) => {
                self.wrong_in_browser.count(browser).map(|()| Counted::Browser(browser))
            }
        }
    }

    fn was_right(&self, counted: Counted) {
        match counted {
            Counted::Guess(guess) => self.wrong.was_right(guess),
            counted @ (Counted::Browser(_) | Counted::Nothing) => self.forgive(counted),
        }
    }

    fn forgive(&self, counted: Counted) {
        match counted {
            Counted::Nothing => {}
            Counted::Browser(browser) => self.wrong_in_browser.take_back(&browser),
            Counted::Guess(guess) => self.wrong.forgive(guess),
        }
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

/// What looking at credentials was counted as, beforehand.
enum Counted {
    /// They were right before.
    Nothing,
    Browser(Browser),
    Guess(Guess),
}

/// What a header's value holds.
struct Shown {
    credentials: String,
    user: String,
    password: String,
}

impl Shown {
    fn read(value: &str) -> Option<Self> {
        let credentials = String::from_utf8(STANDARD.decode(value.trim()).ok()?).ok()?;
        let (user, password) = credentials.split_once(':')?;
        fits_bcrypt(password).ok()?;
        let (user, password) = (user.to_owned(), password.to_owned());
        Some(Self { credentials, user, password })
    }

    fn login(&self, found: Found) -> Login {
        Login { user: self.user.clone(), found }
    }
}

/// Turns at hashing, in the order in which they are asked for.
struct Turns {
    at_work: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Turns {
    fn new() -> Self {
        Self { at_work: Arc::new(Semaphore::new(AT_ONCE)), waiting: Semaphore::new(WAITING) }
    }

    /// None: too many wait already.
    async fn take(&self) -> Option<OwnedSemaphorePermit> {
        let _place = self.waiting.try_acquire().ok()?;
        Arc::clone(&self.at_work).acquire_owned().await.ok()
    }
}

#[cfg(test)]
mod tests;
