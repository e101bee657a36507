use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasher, Hash, RandomState},
    net::IpAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use lablink_core::network;
use tokio::sync::oneshot;

use super::Bounds;
use crate::Proxies;

/// How often the log tells that connections are turned away.
const TOLD_EVERY: Duration = Duration::from_secs(60);
/// Connections that an identified caller may have. Further ones count among the strangers of its
/// address.
const PER_CALLER: usize = 64;

/// All connections that we hold.
pub(super) struct Register {
    bounds: Bounds,
    proxies: Proxies,
    hasher: RandomState,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    all: usize,
    counts: HashMap<Of, usize>,
    /// From the oldest; one that is dropped ends its connection.
    turned_away: VecDeque<oneshot::Sender<()>>,
    told: Option<Instant>,
}

/// A connection's place among those that we hold, given back when its last copy is dropped.
#[derive(Clone)]
pub(crate) struct Slot(Arc<Place>);

struct Place {
    register: Arc<Register>,
    kind: Kind,
}

enum Kind {
    /// With what it counts among; none for those that a proxy of ours hands on.
    Held(Mutex<Option<Of>>),
    /// There is no room for it, but for being told so. Ends when its turn is over.
    TurnedAway(Mutex<oneshot::Receiver<()>>),
}

/// Whose connections are counted together.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Of {
    /// Of an address, whoever it is.
    Strangers(IpAddr),
    /// Of a caller that showed a credential or a link, by its hash.
    Caller(u64),
}

impl Register {
    pub fn new(bounds: Bounds, proxies: Proxies) -> Self {
        Self { bounds, proxies, hasher: RandomState::new(), held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    pub(super) fn take(register: &Arc<Register>, address: IpAddr) -> Self {
        let address = address.to_canonical();
        let of = (!register.proxies.trusts(address)).then(|| Of::Strangers(network(address)));
        let most = register.bounds.strangers_per_address.unwrap_or(usize::MAX);
        let mut held = register.held();
        let has_room = held.all < register.bounds.all && of.is_none_or(|of| held.count(of) < most);
        let kind = if has_room {
            held.all += 1;
            if let Some(of) = of {
                held.enter(of);
            }
            Kind::Held(Mutex::new(of))
        } else {
            held.tell(address);
            Kind::TurnedAway(Mutex::new(held.turn_away(register.bounds.turned_away)))
        };
        drop(held);
        Self(Arc::new(Place { register: Arc::clone(register), kind }))
    }

    /// The caller has shown by `proof` who it is: this connection counts among its address's
    /// strangers no more, unless the caller has too many.
    pub(crate) fn recognise(&self, proof: impl Hash) {
        let Kind::Held(of) = &self.0.kind else { return };
        let mut of = lock(of);
        let Some(strangers @ Of::Strangers(_)) = *of else { return };
        let caller = Of::Caller(self.0.register.hasher.hash_one(proof));
        let mut held = self.0.register.held();
        if held.count(caller) < PER_CALLER {
            held.leave(strangers);
            held.enter(caller);
            *of = Some(caller);
        }
    }

    pub(crate) fn is_turned_away(&self) -> bool {
        matches!(self.0.kind, Kind::TurnedAway(_))
    }

    /// Ends when others need the place of one that is turned away.
    pub(super) fn poll_over(&self, context: &mut Context<'_>) -> Poll<()> {
        match &self.0.kind {
            Kind::Held(_) => Poll::Pending,
            Kind::TurnedAway(turn) => Pin::new(&mut *lock(turn)).poll(context).map(|_dropped| ()),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.register.held();
        match &self.kind {
            Kind::Held(of) => {
                held.all -= 1;
                if let Some(of) = *lock(of) {
                    held.leave(of);
                }
            }
            Kind::TurnedAway(turn) => {
                lock(turn).close();
                held.turned_away.retain(|other| !other.is_closed());
            }
        }
    }
}

impl Held {
    fn count(&self, of: Of) -> usize {
        self.counts.get(&of).copied().unwrap_or(0)
    }

    fn enter(&mut self, of: Of) {
        *self.counts.entry(of).or_default() += 1;
    }

    fn leave(&mut self, of: Of) {
        if let Some(count) = self.counts.get_mut(&of) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&of);
            }
        }
    }

    /// The newest always gets a turn: a caller that says at once what it wants is answered.
    fn turn_away(&mut self, most: usize) -> oneshot::Receiver<()> {
        while self.turned_away.len() >= most.max(1) {
            self.turned_away.pop_front();
        }
        let (sender, receiver) = oneshot::channel();
        self.turned_away.push_back(sender);
        receiver
    }

    fn tell(&mut self, address: IpAddr) {
        if self.told.is_none_or(|told| told.elapsed() > TOLD_EVERY) {
            self.told = Some(Instant::now());
            tracing::warn!(
                %address,
                connections = self.all,
                "connections are turned away: see limits.connections_per_address, and ulimit -n"
            );
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register() -> Arc<Register> {
        let bounds = Bounds { all: 5, strangers_per_address: Some(2), turned_away: 2 };
        let trusted = vec!["10.0.0.1/32".parse().unwrap()];
        Arc::new(Register::new(bounds, Proxies { trusted, ..Proxies::default() }))
    }

    fn take(register: &Arc<Register>, address: &str) -> Slot {
        Slot::take(register, address.parse().unwrap())
    }

    #[test]
    fn strangers_are_counted_by_address_until_they_show_who_they_are() {
        let register = register();
        let two = [take(&register, "192.0.2.1"), take(&register, "::ffff:192.0.2.1")];
        assert!(take(&register, "192.0.2.1").is_turned_away());
        two[0].recognise("link");
        two[0].recognise("another");
        let third = take(&register, "192.0.2.1");
        assert!(!third.is_turned_away());
        assert!(take(&register, "192.0.2.1").is_turned_away());
        drop((two, third));
        assert!(register.held().counts.is_empty() && register.held().all == 0);
    }

    #[test]
    fn one_link_is_no_way_to_have_as_many_as_one_likes() {
        let bounds = Bounds { all: 1_000, strangers_per_address: Some(2), turned_away: 2 };
        let register = Arc::new(Register::new(bounds, Proxies::default()));
        let held = (0..).map(|_| take(&register, "192.0.2.1")).take_while(|slot| {
            slot.recognise("link");
            !slot.is_turned_away()
        });
        assert_eq!(held.collect::<Vec<_>>().len(), PER_CALLER + 2);
    }

    #[test]
    fn one_subscribers_ipv6_addresses_are_one_and_a_proxys_have_no_bound() {
        let register = register();
        let two = [take(&register, "2001:db8::1"), take(&register, "2001:db8::2")];
        assert!(take(&register, "2001:db8::3").is_turned_away());
        assert!(!take(&register, "2001:db8:0:1::3").is_turned_away());
        let proxied = ["10.0.0.1"; 3].map(|proxy| take(&register, proxy));
        assert!(proxied.iter().all(|slot| !slot.is_turned_away()));
        let full = take(&register, "10.0.0.1");
        assert!(full.is_turned_away(), "five are all");
        drop(two);
    }

    #[tokio::test]
    async fn the_newest_of_those_turned_away_have_their_turn() {
        let register = register();
        let _full = ["10.0.0.1"; 5].map(|proxy| take(&register, proxy));
        let turned = ["192.0.2.9"; 3].map(|address| take(&register, address));
        let over = turned.each_ref().map(|slot| {
            slot.poll_over(&mut Context::from_waker(std::task::Waker::noop())).is_ready()
        });
        assert_eq!(over, [true, false, false]);
        drop(turned);
        assert!(register.held().turned_away.is_empty());
    }
}
