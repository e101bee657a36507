use std::{
    collections::HashMap,
    net::IpAddr,
    num::NonZero,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lablink_core::{network, site};
use tokio::time::Instant;

use super::limiter::{Limiter, Rate, Spent};

/// How often a secret may be guessed.
pub(super) struct Budget {
    /// From one network (an IPv4 address, or a /64 of IPv6).
    pub network: Rate,
    /// From all networks together that have not shown to know the secret.
    pub all: Rate,
    /// From one site (an IPv4 address, or a /48), whatever others do: strangers elsewhere who use
    /// up the common share must not keep an honest newcomer out.
    pub site: Rate,
}

/// Guesses at one secret, all counted *before* they are looked at: a caller with no guesses left
/// learns nothing, even from the right one.
pub(super) struct Guesses {
    networks: Limiter<IpAddr>,
    all: Limiter<()>,
    sites: Limiter<IpAddr>,
    /// Where the secret is known, and since when.
    knowing: Mutex<HashMap<IpAddr, Instant>>,
}

/// How long a network is trusted after somebody there gave the secret.
const KNOWS_FOR: Duration = Duration::from_secs(12 * 3_600);

/// One guess, as it was counted.
#[must_use]
pub(super) struct Guess {
    network: IpAddr,
    beside: Beside,
}

/// Where a guess was counted, in addition to its network.
enum Beside {
    /// Nothing: somebody there knows the secret.
    Nothing,
    All,
    Site(IpAddr),
}

impl Guess {
    pub fn network(&self) -> IpAddr {
        self.network
    }
}

impl Guesses {
    pub fn new(budget: &Budget) -> Self {
        Self {
            networks: Limiter::new(budget.network),
            all: Limiter::new(budget.all),
            sites: Limiter::new(budget.site),
            knowing: Mutex::default(),
        }
    }

    pub fn count(&self, address: IpAddr) -> Result<Guess, Spent> {
        let network = network(address);
        self.networks.count(network)?;
        let beside = if self.is_known_at(address) {
            Ok(Beside::Nothing)
        } else if self.all.count(()).is_ok() {
            Ok(Beside::All)
        } else {
            let site = site(address);
            self.sites.count(site).map(|()| Beside::Site(site))
        };
        match beside {
            Ok(beside) => Ok(Guess { network, beside }),
            Err(spent) => {
                self.networks.take_back(&network);
                Err(spent)
            }
        }
    }

    /// It was no guess: whoever made it knows the secret.
    pub fn was_right(&self, guess: Guess) {
        let mut knowing = self.knowing();
        knowing.retain(|_, since| since.elapsed() < KNOWS_FOR);
        knowing.insert(guess.network, Instant::now());
        drop(knowing);
        self.forgive(guess);
    }

    /// It was a mistake of somebody who knows the secret.
    pub fn forgive(&self, Guess { network, beside }: Guess) {
        self.networks.take_back(&network);
        match beside {
            Beside::Nothing => {}
            Beside::All => self.all.take_back(&()),
            Beside::Site(site) => self.sites.take_back(&site),
        }
    }

    /// Whether somebody at this network gave the secret lately.
    pub fn is_known_at(&self, address: IpAddr) -> bool {
        let knowing = self.knowing();
        knowing.get(&network(address)).is_some_and(|since| since.elapsed() < KNOWS_FOR)
    }

    fn knowing(&self) -> MutexGuard<'_, HashMap<IpAddr, Instant>> {
        self.knowing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `at_once` at once, and one more after every `minutes`.
pub(super) const fn rate(at_once: u32, minutes: u64) -> Rate {
    Rate {
        at_once: NonZero::new(at_once).expect("a rate is not 0"),
        every: Duration::from_secs(60 * minutes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guesses() -> Guesses {
        Guesses::new(&Budget { network: rate(5, 60), all: rate(8, 60), site: rate(2, 60) })
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn wrong(guesses: &Guesses, from: &str, tries: usize) -> usize {
        (0..tries).filter(|_| guesses.count(address(from)).is_ok()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn strangers_share_what_there_is_and_keep_no_newcomer_out() {
        let guesses = guesses();
        assert_eq!(wrong(&guesses, "192.0.2.1", 9), 5, "one network");
        assert_eq!(wrong(&guesses, "192.0.2.2", 9), 3 + 2, "all, then its own first ones");
        assert_eq!(wrong(&guesses, "192.0.2.3", 9), 2);
        let newcomer = guesses.count(address("192.0.2.4")).unwrap();
        guesses.was_right(newcomer);
        assert_eq!(wrong(&guesses, "192.0.2.4", 9), 5, "is known there");
        tokio::time::advance(KNOWS_FOR).await;
        assert!(!guesses.is_known_at(address("192.0.2.4")));
    }

    #[tokio::test(start_paused = true)]
    async fn a_site_of_ipv6_has_no_tries_for_each_of_its_networks() {
        let guesses = guesses();
        let tried: usize =
            (0..100).map(|n| wrong(&guesses, &format!("2001:db8:1:{n:x}::1"), 9)).sum();
        assert_eq!(tried, 8 + 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_right_one_costs_nothing() {
        let guesses = guesses();
        for _ in 0..1_000 {
            let guess = guesses.count(address("192.0.2.1")).unwrap();
            guesses.was_right(guess);
        }
        assert_eq!(wrong(&guesses, "192.0.2.1", 9), 5);
    }
}
