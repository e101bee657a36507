use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lablink_core::{Token, TokenHash};
use lablink_protocol::Hostname;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::upgrade::End;

/// A participant has a few tabs; broken connections of theirs may still be there for a while.
const PER_VM: usize = 8;

/// The channels whose browser's end is here.
#[derive(Clone)]
pub struct Channels(Arc<Inner>);

struct Inner {
    /// Host and port where other allocators reach this one.
    address: String,
    expected: Mutex<HashMap<String, Expected>>,
    open: Mutex<HashMap<Hostname, VecDeque<CancellationToken>>>,
}

struct Expected {
    secret: TokenHash,
    meets: oneshot::Sender<End>,
}

/// The agent's end of a channel, which is to come.
pub(crate) struct Awaited {
    pub id: Token,
    pub secret: Token,
    pub agent: oneshot::Receiver<End>,
    channels: Channels,
}

/// A place among the channels of a VM.
pub(crate) struct Place {
    channels: Channels,
    hostname: Hostname,
    /// Newer channels took its place.
    pub replaced: CancellationToken,
}

impl Channels {
    pub fn new(address: String) -> Self {
        Self(Arc::new(Inner { address, expected: Mutex::default(), open: Mutex::default() }))
    }

    pub(crate) fn address(&self) -> &str {
        &self.0.address
    }

    /// How many are open here.
    pub(crate) fn count(&self) -> usize {
        lock(&self.0.open).values().map(VecDeque::len).sum()
    }

    /// Takes a place among the VM's channels, and ends the oldest one if there are too many.
    pub(crate) fn enter(&self, hostname: &Hostname) -> Place {
        let replaced = CancellationToken::new();
        let mut open = lock(&self.0.open);
        let of_vm = open.entry(hostname.clone()).or_default();
        if of_vm.len() == PER_VM
            && let Some(oldest) = of_vm.pop_front()
        {
            oldest.cancel();
        }
        of_vm.push_back(replaced.clone());
        Place { channels: self.clone(), hostname: hostname.clone(), replaced }
    }

    /// Expects an agent's end under a new id and secret.
    pub(crate) fn expect(&self) -> Awaited {
        let (id, secret) = (Token::random(), Token::random());
        let (meets, agent) = oneshot::channel();
        let expected = Expected { secret: secret.hash(), meets };
        lock(&self.0.expected).insert(id.reveal().to_owned(), expected);
        Awaited { id, secret, agent, channels: self.clone() }
    }

    /// Where to send the agent's end of this channel: once, to who knows its secret.
    pub(crate) fn meet(&self, id: &Token, secret: &Token) -> Option<oneshot::Sender<End>> {
        let mut expected = lock(&self.0.expected);
        let of_id = expected.get(id.reveal())?;
        if !of_id.secret.matches(&secret.hash()) {
            return None;
        }
        expected.remove(id.reveal()).map(|expected| expected.meets)
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        lock(&self.channels.0.expected).remove(self.id.reveal());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Its own token is known by being cancelled.
        self.replaced.cancel();
        let mut open = lock(&self.channels.0.open);
        if let Some(of_vm) = open.get_mut(&self.hostname) {
            of_vm.retain(|other| !other.is_cancelled());
            if of_vm.is_empty() {
                open.remove(&self.hostname);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_met_once_and_by_its_secret_alone() {
        let channels = Channels::new("127.0.0.1:1".to_owned());
        let awaited = channels.expect();
        let other = channels.expect();
        assert!(channels.meet(&awaited.id, &other.secret).is_none());
        assert!(channels.meet(&awaited.id, &awaited.secret).is_some());
        assert!(channels.meet(&awaited.id, &awaited.secret).is_none());
        let (id, secret) = (other.id.clone(), other.secret.clone());
        drop(other);
        assert!(channels.meet(&id, &secret).is_none(), "nobody waits for it");
    }

    #[test]
    fn the_newest_channels_of_a_vm_have_their_place() {
        let channels = Channels::new(String::new());
        let vm: Hostname = "vm-1".parse().unwrap();
        let places: Vec<Place> = (0..=PER_VM).map(|_| channels.enter(&vm)).collect();
        let ended: Vec<bool> = places.iter().map(|place| place.replaced.is_cancelled()).collect();
        assert_eq!(ended.iter().filter(|ended| **ended).count(), 1);
        assert!(ended[0]);
        assert_eq!(channels.count(), PER_VM);
        drop(places);
        assert_eq!(channels.count(), 0);
    }
}
