use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use lablink_protocol::Hostname;
use tokio::sync::watch;

use crate::{ids::OperationId, pools::PoolId};

/// What somebody can wait for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// A VM, its claim included.
    Vm(Hostname),
    Operation(OperationId),
    /// The waiting line.
    Line(PoolId),
    /// The queue of operations: for workers.
    Operations(PoolId),
    /// Anything at all: for overviews.
    Everything(PoolId),
}

/// Fans wake-ups out to the waiters of this process.
#[derive(Clone, Default)]
pub struct Hub {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    topics: Mutex<HashMap<Topic, watch::Sender<()>>>,
    connected: AtomicBool,
    /// How often something was heard to change, in whichever pool.
    heard: AtomicU64,
}

impl Shared {
    fn topics(&self) -> MutexGuard<'_, HashMap<Topic, watch::Sender<()>>> {
        // Nothing in here can leave the map half-changed, so a poisoned lock is still good.
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hub {
    /// Starts waiting for `topic`. Subscribe before reading the rows.
    pub fn subscribe(&self, topic: Topic) -> Subscription {
        let receiver = self
            .shared
            .topics()
            .entry(topic.clone())
            .or_insert_with(|| watch::Sender::new(()))
            .subscribe();
        Subscription { shared: Arc::clone(&self.shared), topic, receiver }
    }

    /// How many waits are parked right now.
    pub fn waiters(&self) -> usize {
        self.shared.topics().values().map(watch::Sender::receiver_count).sum()
    }

    /// Whether changes made elsewhere are heard at the moment.
    pub fn is_connected(&self) -> bool {
        self.shared.connected.load(Ordering::Relaxed)
    }

    /// How many changes were heard so far: while it stays the same, so do all rows that changes tell
    /// of. None: they are not heard at the moment.
    pub fn heard(&self) -> Option<u64> {
        self.is_connected().then(|| self.shared.heard.load(Ordering::Acquire))
    }

    pub(super) fn set_connected(&self, connected: bool) {
        // Whatever changed before was not heard.
        self.shared.heard.fetch_add(1, Ordering::AcqRel);
        self.shared.connected.store(connected, Ordering::Relaxed);
    }

    pub(super) fn wake(&self, topic: &Topic) {
        if let Topic::Everything(_) = topic {
            self.shared.heard.fetch_add(1, Ordering::AcqRel);
        }
        if let Some(sender) = self.shared.topics().get(topic) {
            sender.send_replace(());
        }
    }

    pub(super) fn wake_all(&self) {
        for sender in self.shared.topics().values() {
            sender.send_replace(());
        }
    }
}

/// One waiter's place. Dropping it, as happens when a caller hangs up, forgets the waiter.
pub struct Subscription {
    shared: Arc<Shared>,
    topic: Topic,
    receiver: watch::Receiver<()>,
}

impl Subscription {
    /// Waits until the topic may have changed since the last call (or since subscribing).
    pub async fn changed(&mut self) {
        // The sender lives in the map for as long as this subscription does.
        let _alive = self.receiver.changed().await;
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut topics = self.shared.topics();
        // Our own receiver still counts: one left means that it is the last.
        if topics.get(&self.topic).is_some_and(|sender| sender.receiver_count() <= 1) {
            topics.remove(&self.topic);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn vm(name: &str) -> Topic {
        Topic::Vm(name.parse().unwrap())
    }

    async fn woken(subscription: &mut Subscription) -> bool {
        tokio::time::timeout(Duration::from_millis(20), subscription.changed()).await.is_ok()
    }

    #[tokio::test]
    async fn wakes_the_topic_only() {
        let hub = Hub::default();
        let (mut one, mut two) = (hub.subscribe(vm("one")), hub.subscribe(vm("two")));
        hub.wake(&vm("one"));
        assert!(woken(&mut one).await);
        assert!(!woken(&mut two).await);
        assert!(!woken(&mut one).await, "one wake-up, one look");
    }

    #[tokio::test]
    async fn a_wake_up_between_subscribing_and_waiting_is_kept() {
        let hub = Hub::default();
        let mut waiter = hub.subscribe(vm("one"));
        hub.wake(&vm("one"));
        assert!(woken(&mut waiter).await);
    }

    #[test]
    fn what_was_not_heard_counts_as_a_change() {
        let hub = Hub::default();
        assert_eq!(hub.heard(), None);
        hub.set_connected(true);
        let before = hub.heard();
        assert!(before.is_some() && before == hub.heard());
        hub.wake(&Topic::Everything(1.into()));
        assert_ne!(hub.heard(), before);
        let before = hub.heard();
        hub.set_connected(false);
        assert_eq!(hub.heard(), None);
        hub.set_connected(true);
        assert_ne!(hub.heard(), before);
    }

    #[tokio::test]
    async fn a_waiter_that_hangs_up_is_forgotten() {
        let hub = Hub::default();
        let (one, two) = (hub.subscribe(vm("one")), hub.subscribe(vm("one")));
        assert_eq!(hub.waiters(), 2);
        drop(one);
        assert_eq!(hub.waiters(), 1);
        drop(two);
        assert_eq!(hub.waiters(), 0);
        assert!(hub.shared.topics().is_empty());
    }
}
