use std::sync::Arc;

use lablink_protocol::{Seen, WaitAnswer};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    attempt::{self, Command, Vm},
    handled::Handled,
};

/// The claim on this VM, as far as the agent knows. There is one attempt to connect at a time;
/// a newer command, or a release, ends the one before, and nobody has to wait for that.
pub struct Claims {
    vm: Arc<Vm>,
    seen: Seen,
    current: Option<Attempt>,
}

/// Whether an answer told something that was not known.
#[derive(Debug, PartialEq, Eq)]
pub enum News {
    Some,
    None,
}

struct Attempt {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Claims {
    /// Goes on from what an earlier run handled.
    pub fn resume(vm: Arc<Vm>) -> anyhow::Result<Self> {
        let handled = Handled::load(&vm.state)?;
        let seen = handled.as_ref().map(Handled::seen).unwrap_or_default();
        let mut claims = Self { vm, seen, current: None };
        if let Some(handled) = handled {
            claims.replace(|vm, stop| async move { attempt::report(&vm, handled, &stop).await });
        }
        Ok(claims)
    }

    /// What the allocator need not tell again.
    pub fn seen(&self) -> Seen {
        self.seen
    }

    pub fn take(&mut self, answer: WaitAnswer) -> News {
        let before = self.seen;
        match answer {
            WaitAnswer::Claimed { command, pin, claim_id, command_no } => {
                self.seen = Seen { claim_id: Some(claim_id), command_no: Some(command_no) };
                if self.seen == before {
                    return News::None;
                }
                info!(claim.id = claim_id, claim.command_no = command_no, "claimed");
                let command = Command { claim_id, command_no, command, pin };
                self.replace(|vm, stop| async move { attempt::run(&vm, command, &stop).await });
            }
            WaitAnswer::Released => {
                self.seen = Seen::default();
                if self.seen == before {
                    return News::None;
                }
                info!("released");
                self.replace(|vm, stop| async move {
                    Handled::forget(&vm.state);
                    tokio::select! {
                        () = vm.remote_desktop.end_session() => {}
                        () = stop.cancelled() => {}
                    }
                });
            }
        }
        News::Some
    }

    /// Ends the attempt, and the remote desktop program with it.
    pub async fn end(self) {
        if let Some(attempt) = self.current {
            attempt.end().await;
        }
    }

    /// Starts `work` as soon as the attempt before it has ended.
    fn replace<W>(&mut self, work: impl FnOnce(Arc<Vm>, CancellationToken) -> W + Send + 'static)
    where
        W: Future<Output = ()> + Send + 'static,
    {
        let previous = self.current.take();
        let stop = CancellationToken::new();
        let (vm, stopped) = (Arc::clone(&self.vm), stop.clone());
        let task = tokio::spawn(async move {
            if let Some(previous) = previous {
                previous.end().await;
            }
            if !stopped.is_cancelled() {
                work(vm, stopped).await;
            }
        });
        self.current = Some(Attempt { stop, task });
    }
}

impl Attempt {
    async fn end(self) {
        self.stop.cancel();
        if let Err(panic) = self.task.await {
            tracing::error!("an attempt to connect broke off: {panic}");
        }
    }
}
