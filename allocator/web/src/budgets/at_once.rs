use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How much of something may go on at once, of each caller and of all.
pub(super) struct AtOnce<K> {
    each: usize,
    all: usize,
    held: Arc<Mutex<Held<K>>>,
}

struct Held<K> {
    all: usize,
    of: HashMap<K, usize>,
}

/// A place among them, given back when it is dropped.
pub(crate) struct Place<K: Eq + Hash> {
    caller: Option<K>,
    held: Arc<Mutex<Held<K>>>,
}

impl<K: Eq + Hash + Clone> AtOnce<K> {
    pub fn new(each: usize, all: usize) -> Self {
        Self { each, all, held: Arc::new(Mutex::new(Held { all: 0, of: HashMap::new() })) }
    }

    /// A place for this caller; callers that nothing tells apart share one limit. None: there is no
    /// room.
    pub fn enter(&self, caller: Option<&K>) -> Option<Place<K>> {
        let mut held = lock(&self.held);
        if held.all >= self.all {
            return None;
        }
        if let Some(caller) = caller {
            let count = held.of.get(caller).copied().unwrap_or(0);
            if count >= self.each {
                return None;
            }
            held.of.insert(caller.clone(), count + 1);
        }
        held.all += 1;
        Some(Place { caller: caller.cloned(), held: Arc::clone(&self.held) })
    }
}

impl<K: Eq + Hash> Drop for Place<K> {
    fn drop(&mut self) {
        let mut held = lock(&self.held);
        held.all -= 1;
        if let Some(caller) = &self.caller
            && let Some(count) = held.of.get_mut(caller)
        {
            *count -= 1;
            if *count == 0 {
                held.of.remove(caller);
            }
        }
    }
}

fn lock<K>(held: &Mutex<Held<K>>) -> MutexGuard<'_, Held<K>> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_share_and_gives_it_back() {
        let at_once = AtOnce::new(2, 3);
        let (first, second) = (at_once.enter(Some(&1)), at_once.enter(Some(&1)));
        assert!(first.is_some() && second.is_some() && at_once.enter(Some(&1)).is_none());
        let other = at_once.enter(Some(&2));
        assert!(other.is_some() && at_once.enter(Some(&3)).is_none(), "that is all");
        drop(first);
        assert!(at_once.enter(None).is_some());
        drop((second, other));
        assert!(lock(&at_once.held).of.is_empty());
        assert_eq!(lock(&at_once.held).all, 0);
    }
}
