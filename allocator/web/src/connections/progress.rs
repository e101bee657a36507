use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::Patience;

/// What a connection's peer owes us, and since when: told by its stream and its service, read by
/// the task that drives it.
pub(super) struct Progress {
    patience: Patience,
    state: Mutex<State>,
}

struct State {
    owes: Owes,
    /// Since when it takes nothing of what we write.
    blocked: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Owes {
    /// A request, of which there is nothing yet.
    Request(Instant),
    /// What is missing of a request's head.
    RestOfHead(Instant),
    /// It is our turn.
    Nothing,
}

/// A request that is being answered, until the last of its answer is handed to the stream.
pub(super) struct Handling(Arc<Progress>);

impl Progress {
    pub fn new(patience: Patience) -> Self {
        let owes = Owes::Request(Instant::now() + patience.head);
        Self { patience, state: Mutex::new(State { owes, blocked: None }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn begin(self: &Arc<Self>) -> Handling {
        self.state().owes = Owes::Nothing;
        Handling(Arc::clone(self))
    }

    pub fn was_read(&self) {
        let mut state = self.state();
        if matches!(state.owes, Owes::Request(_)) {
            state.owes = Owes::RestOfHead(Instant::now() + self.patience.head);
        }
    }

    /// The peer takes what we write: while it does, the next request is not due.
    pub fn was_written(&self) {
        let mut state = self.state();
        state.blocked = None;
        if matches!(state.owes, Owes::Request(_)) {
            state.owes = Owes::Request(Instant::now() + self.patience.idle);
        }
    }

    pub fn is_blocked(&self) {
        self.state().blocked.get_or_insert_with(Instant::now);
    }

    pub fn is_handling(&self) -> bool {
        self.state().owes == Owes::Nothing
    }

    pub fn has_begun_a_head(&self) -> bool {
        matches!(self.state().owes, Owes::RestOfHead(_))
    }

    /// When to give the peer up, unless it gets on.
    pub fn deadline(&self) -> Option<Instant> {
        let state = self.state();
        let owed = match state.owes {
            Owes::Request(until) | Owes::RestOfHead(until) => Some(until),
            Owes::Nothing => None,
        };
        let taken = state.blocked.map(|since| since + self.patience.writing);
        owed.into_iter().chain(taken).min()
    }
}

impl Drop for Handling {
    fn drop(&mut self) {
        self.0.state().owes = Owes::Request(Instant::now() + self.0.patience.idle);
    }
}
