use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use lablink_protocol::Hostname;
use tokio::sync::oneshot;

/// An agent waits once, but its broken connections may still be there for a while.
const PER_VM: usize = 4;

/// The waits of each VM, from the oldest.
#[derive(Clone, Default)]
pub struct Waits(Arc<Mutex<HashMap<Hostname, Vec<oneshot::Sender<()>>>>>);

/// One of them.
pub(crate) struct Turn {
    waits: Waits,
    hostname: Hostname,
    over: oneshot::Receiver<()>,
}

impl Waits {
    /// Begins a wait, and ends the VM's oldest if it has too many.
    pub(crate) fn begin(&self, hostname: &Hostname) -> Turn {
        let (sender, over) = oneshot::channel();
        let mut waits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_vm = waits.entry(hostname.clone()).or_default();
        if of_vm.len() == PER_VM {
            of_vm.remove(0);
        }
        of_vm.push(sender);
        Turn { waits: self.clone(), hostname: hostname.clone(), over }
    }
}

impl Turn {
    /// Ends when newer waits took its place.
    pub async fn over(&mut self) {
        let _dropped = (&mut self.over).await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.over.close();
        let mut waits = self.waits.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_vm) = waits.get_mut(&self.hostname) {
            of_vm.retain(|wait| !wait.is_closed());
            if of_vm.is_empty() {
                waits.remove(&self.hostname);
            }
        }
    }
}
