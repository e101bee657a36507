//! The claim on this VM: waiting for it, connecting its participant, and telling how that went.

mod attempt;
pub mod cleaning;
mod fault;
mod handled;
mod lock_out;
pub mod wait;

use std::sync::Arc;

use lablink_protocol::{BrowserDesktop, Cleaning, Seen, WaitAnswer, WaitRequest};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::info;

use self::attempt::Command;
pub use self::handled::Handled;
use crate::{
    channels::{Channels, Told},
    clean::CleanNote,
    vm::Vm,
};

/// The claim on this VM, as far as the agent knows. There is one attempt to connect at a time;
/// a newer command, or a release, ends the one before, and nobody has to wait for that.
pub struct Claims {
    vm: Arc<Vm>,
    seen: Seen,
    current: Option<Attempt>,
    channels: Channels,
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
    cleaning: Option<AtWork>,
}

/// The machine is cleaned after this claim, until it is `over`.
struct AtWork {
    claim_id: i64,
    over: CancellationToken,
}

impl Claims {
    /// Goes on from what an earlier run handled.
    pub fn resume(vm: Arc<Vm>) -> anyhow::Result<Self> {
        let handled = Handled::load(&vm.state)?;
        let channels = Channels::new(Arc::clone(&vm));
        let begun = CleanNote::load(&vm.state)?.filter(|note| {
            // The machine is another participant's by now.
            let is_over = handled.as_ref().is_some_and(|it| it.claim_id > note.claim_id);
            !note.reported && !is_over
        });
        if let Some(note) = begun {
            let mut claims = Self { vm, seen: Seen::default(), current: None, channels };
            claims.clean(note.claim_id);
            return Ok(claims);
        }
        let seen = handled.as_ref().map(Handled::seen).unwrap_or_default();
        let mut claims = Self { vm, seen, current: None, channels };
        if let Some(handled) = handled {
            claims.replace(|vm, stop| async move { attempt::report(&vm, handled, &stop).await });
        }
        Ok(claims)
    }

    /// What to ask the allocator: for what it has not told yet.
    pub fn question(&self) -> WaitRequest {
        WaitRequest {
            hostname: self.vm.api.hostname().clone(),
            seen: Some(self.seen),
            cleans: *self.vm.cleaner.cleaning() == Cleaning::Possible,
            cleaning: self.at_work().map(|it| it.claim_id),
            locks_out: true,
            channels: self.vm.tab_desktop.announced() == BrowserDesktop::Possible,
        }
    }

    /// Ends when a cleaning that the allocator was told of is over; never, where there is none.
    pub async fn cleaning_over(&self) {
        match self.at_work() {
            Some(at_work) => at_work.over.cancelled().await,
            None => std::future::pending().await,
        }
    }

    fn at_work(&self) -> Option<&AtWork> {
        let at_work = self.current.as_ref()?.cleaning.as_ref();
        at_work.filter(|it| !it.over.is_cancelled())
    }

    pub fn take(&mut self, answer: WaitAnswer) -> News {
        let before = self.seen;
        match answer {
            WaitAnswer::Channel { target, url, .. } => {
                self.channels.open(Told { target, path: url });
            }
            WaitAnswer::Clean { claim_id } => {
                if self.at_work().is_some_and(|it| it.claim_id == claim_id) {
                    return News::None;
                }
                self.clean(claim_id);
            }
            WaitAnswer::Claimed { command, pin, claim_id, command_no } => {
                self.seen = Seen { claim_id: Some(claim_id), command_no: Some(command_no) };
                if self.seen == before {
                    return News::None;
                }
                info!(claim.id = claim_id, claim.command_no = command_no, "claimed");
                let command = Command { claim_id, command_no, command, pin };
                let is_new = before.claim_id != Some(claim_id);
                if is_new {
                    self.channels.end();
                }
                self.replace(move |vm, stop| async move {
                    if is_new {
                        // Whoever had it before is to leave nothing.
                        vm.tab_desktop.stop().await;
                    }
                    attempt::run(&vm, command, &stop).await;
                });
            }
            WaitAnswer::LockOut { claim_id, command_no } => {
                self.seen = Seen { claim_id: Some(claim_id), command_no: Some(command_no) };
                if self.seen == before {
                    return News::None;
                }
                info!(claim.id = claim_id, claim.command_no = command_no, "locking out");
                self.channels.end();
                self.replace(move |vm, stop| async move {
                    lock_out::run(&vm, claim_id, command_no, &stop).await;
                });
            }
            WaitAnswer::Released => {
                self.seen = Seen::default();
                if self.seen == before {
                    return News::None;
                }
                info!("released");
                self.channels.end();
                self.replace(|vm, stop| async move {
                    Handled::forget(&vm.state);
                    vm.tab_desktop.stop().await;
                    tokio::select! {
                        () = vm.remote_desktop.end_session() => {}
                        () = stop.cancelled() => {}
                    }
                });
            }
        }
        News::Some
    }

    /// Ends what the participant had, and cleans the machine.
    fn clean(&mut self, claim_id: i64) {
        self.seen = Seen::default();
        self.channels.end();
        let over = CancellationToken::new();
        let at_its_end = over.clone().drop_guard();
        self.replace(move |vm, stop| async move {
            let _at_its_end = at_its_end;
            Handled::forget(&vm.state);
            vm.tab_desktop.stop().await;
            // Its processes are ended in any case.
            tokio::select! {
                () = vm.remote_desktop.end_session() => {}
                () = stop.cancelled() => {}
            }
            cleaning::run(&vm, claim_id, &stop).await;
        });
        if let Some(attempt) = &mut self.current {
            attempt.cleaning = Some(AtWork { claim_id, over });
        }
    }

    /// Ends the attempt, and the remote desktop program with it, and the desktop in the tab.
    pub async fn end(self) {
        self.vm.tab_desktop.stop().await;
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
        self.current = Some(Attempt { stop, task, cleaning: None });
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
