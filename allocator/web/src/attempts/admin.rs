use std::{fmt, net::IpAddr, str::FromStr, sync::Arc, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use lablink_core::passwords::fits_bcrypt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    browser::Browser,
    guess_log::GuessLog,
    guesses::{Budget, Guess, Guesses, rate},
    limiter::{Limiter, Rate, Spent},
    remembered::{Known, Remembered},
};

/// Slow hashes that run at once for callers of whom nothing is known, so that guessing does not
/// take all the cores from a class. Known callers have as many of their own.
const AT_ONCE: usize = 1;
/// Callers that may wait for their turn.
const WAITING: usize = 8;

/// Wrong passwords. A site's own share is small, since a password is long.
const WRONG: Budget = Budget { network: rate(10, 1), all: rate(30, 1), site: rate(3, 60) };
/// Wrong passwords from a browser that sent the right one before.
const WRONG_IN_BROWSER: Rate = rate(10, 1);

/// The organiser's login: one user, one bcrypt hash.
pub struct AdminLogin {
    user: String,
    hash: String,
    remembered: Remembered,
    wrong: Guesses,
    wrong_in_browser: Limiter<Browser>,
    known: Turns,
    unknown: Turns,
    log: GuessLog,
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
    /// They were not looked at: too many from there were wrong. How long until there is room again.
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
            wrong_in_browser: Limiter::new(WRONG_IN_BROWSER),
            known: Turns::new(),
            unknown: Turns::new(),
            log: GuessLog::of("admin password"),
        })
    }

    /// Looks at the value of an `Authorization: Basic` header. Credentials that were right lately
    /// cost nothing, whatever else comes from their address. All others are counted before they
    /// cost a slow hash.
    pub(crate) async fn verify(
        self: &Arc<Self>,
        credentials: &str,
        from: ComesFrom,
    ) -> Result<Login, NoLogin> {
        let Some(shown) = Credentials::read(credentials) else { return Err(NoLogin::Wrong) };
        let counted = match self.remembered.knows(&shown.credentials) {
            Known::Right => return Ok(shown.login(Found::Remembered)),
            Known::OfOld => Counted::Nothing,
            Known::Unknown => self.count(from).map_err(|Spent(wait)| {
                self.log.refused(from);
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
        // The hash runs to its end and keeps its turn, even if nobody waits for the answer any
        // more.
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
            self.log.wrong();
            NoLogin::Wrong
        })
    }

    /// Both are looked at, so that a wrong name takes as long as a wrong password.
    fn is_right(&self, shown: &Credentials) -> bool {
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

/// How a login was counted before its credentials were looked at.
enum Counted {
    /// They were right before.
    Nothing,
    Browser(Browser),
    Guess(Guess),
}

/// What a header's value holds.
struct Credentials {
    credentials: String,
    user: String,
    password: String,
}

impl Credentials {
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
