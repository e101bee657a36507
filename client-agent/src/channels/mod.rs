//! Channels: the ways from a browser to this machine. The allocator's answer to a wait tells of one,
//! the agent dials it at once, and then passes bytes between it and what it leads to.

mod carry;
mod dial;

use std::sync::Arc;

use lablink_protocol::{ChannelTarget, Closing};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::vm::Vm;

/// The channels of one claim.
pub struct Channels {
    vm: Arc<Vm>,
    over: CancellationToken,
}

/// A channel that the allocator tells of.
pub struct Told {
    pub target: ChannelTarget,
    /// The path at which it is dialled.
    pub path: String,
}

impl Channels {
    pub fn new(vm: Arc<Vm>) -> Self {
        Self { vm, over: CancellationToken::new() }
    }

    /// Dials, and carries the channel to its end.
    pub fn open(&self, told: Told) {
        let (vm, over) = (Arc::clone(&self.vm), self.over.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = serve(&vm, told) => {}
                () = over.cancelled() => {}
            }
        });
    }

    /// Ends all of them: the claim is over.
    pub fn end(&mut self) {
        self.over.cancel();
        self.over = CancellationToken::new();
    }
}

async fn serve(vm: &Vm, Told { target, path }: Told) {
    let mut socket = match dial::dial(&vm.api, &path).await {
        Ok(socket) => socket,
        // Who waited for it is gone, or another answer told of it as well.
        Err(refusal) if refusal.is_final() => {
            return debug!("a channel is not there any more: {}", refusal.chain());
        }
        Err(problem) => return warn!("a channel could not be dialled: {}", problem.chain()),
    };
    match target {
        ChannelTarget::Desktop => match vm.tab_desktop.connect().await {
            Ok(desktop) => carry::carry(socket, desktop).await,
            Err(problem) => {
                warn!("there is no desktop to show: {problem}");
                carry::close(&mut socket, Closing::NotRunning).await;
            }
        },
    }
}

impl Drop for Channels {
    fn drop(&mut self) {
        self.over.cancel();
    }
}
