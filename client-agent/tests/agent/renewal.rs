//! The allocator's side of a token that changes hands.

use crate::allocator::Shared;

/// What the allocator knows of its VM's tokens beside the one that is good.
#[derive(Clone, Default)]
pub struct Renewal {
    pub due: bool,
    /// Fetched, and not used yet.
    pub next: Option<String>,
    pub fetches: u32,
    dead: Vec<String>,
    /// Waits, and fetches, with a dead token: what an organiser is alarmed by.
    pub alarms: u32,
    pub hold: Option<Held>,
    /// Requests that are kept waiting.
    pub holding: u32,
}

/// Where an agent may be killed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// The new token is made, and not on its way yet.
    Fetch,
    /// The new token has arrived, and does not count yet.
    FirstUse,
}

impl Renewal {
    pub fn fetched(&mut self) -> String {
        self.fetches += 1;
        let new = format!("renewed-secret-{}", self.fetches);
        self.dead.extend(self.next.replace(new.clone()));
        new
    }

    pub fn used(&mut self, current: &mut Option<String>) {
        if let Some(new) = self.next.take() {
            self.dead.extend(current.replace(new));
            self.due = false;
        }
    }

    pub fn refused(&mut self, token: Option<&str>, path: &str) {
        let is_dead = token.is_some_and(|token| self.dead.iter().any(|dead| dead == token));
        if is_dead && ["/vm_startup", "/api/agent/token"].contains(&path) {
            self.alarms += 1;
        }
    }
}

/// Keeps a request waiting for as long as a test wants that.
pub async fn held(state: &Shared, at: Held) {
    if state.borrow().renewal.hold != Some(at) {
        return;
    }
    let mut changes = state.subscribe();
    state.send_modify(|told| told.renewal.holding += 1);
    changes.wait_for(|told| told.renewal.hold != Some(at)).await.unwrap();
}
