//! The start of local VMs that were stopped, with the allocator or with the machine.

use std::{future::Future, io, time::Duration};

use futures_util::StreamExt;
use lablink_core::{DbError, Scope, Token, agents, chain, vms};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{ChildStdin, ChildStdout},
};

use super::{
    CaughtUp, LocalVms, StepError,
    local::{AT_ONCE, told},
};

/// How `vm.sh resume` ends when the VM needs a token that it was not given.
const NEEDS_TOKEN: i32 = 3;
/// And when its agent runs with other settings.
const RUNS_OTHERWISE: i32 = 4;
/// How soon one that needs a token is tried again.
const AGAIN: Duration = Duration::from_secs(2);

/// VMs that a start could not serve yet.
#[derive(Default)]
struct Left {
    unenrolled: Vec<String>,
    running_otherwise: Vec<String>,
    /// Each with the reason.
    broken: Vec<(String, String)>,
}

impl LocalVms {
    /// Starts the agents of all VMs that are there and don't run, with today's settings. One that
    /// could never enrol gets a fresh token, if it has a row once `caught_up` says that all have
    /// theirs, and while no operation of the pool is at work: the token that such a one has given
    /// must hold. One that can't be started says so in its row. Those that run with other settings
    /// are taken over if nothing is heard of them for as long as the pool allows. Ends when nothing is
    /// left to do.
    pub async fn resume_all(&self, scope: &Scope, caught_up: CaughtUp) -> io::Result<()> {
        let left = self.resume(self.names()?, |_| std::future::ready(None)).await;
        if left.is_empty() {
            return Ok(());
        }
        caught_up.reached().await;
        tell(scope, &left.broken).await;
        let taking_over = async {
            let stopped = self.stop_unheard(scope, left.running_otherwise).await;
            self.resume_with_tokens(scope, stopped).await;
        };
        tokio::join!(self.resume_with_tokens(scope, left.unenrolled), taking_over);
        Ok(())
    }

    async fn resume_with_tokens(&self, scope: &Scope, mut waiting: Vec<String>) {
        while !waiting.is_empty() {
            match vms::list(scope).await {
                Ok(vms) => {
                    waiting.retain(|name| vms.iter().any(|vm| vm.hostname.as_str() == name));
                    let left = self.resume(waiting, |name| token(scope, name)).await;
                    tell(scope, &left.broken).await;
                    waiting = left.unenrolled;
                }
                Err(error) if error.is_away() => {}
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, vms = waiting.join(", "), "these VMs stay stopped");
                    return;
                }
            }
            if !waiting.is_empty() {
                tokio::time::sleep(AGAIN).await;
            }
        }
    }

    async fn resume<T>(&self, names: Vec<String>, token: impl Fn(String) -> T) -> Left
    where
        T: Future<Output = Option<Token>>,
    {
        let resuming = futures_util::stream::iter(names).map(|name| {
            let step = self.starting("resume", &name);
            let token = token(name.clone());
            async move { (name, step.converse(|stdin, stdout| answer(stdin, stdout, token)).await) }
        });
        let mut resuming = resuming.buffer_unordered(AT_ONCE);
        let mut left = Left::default();
        while let Some((name, done)) = resuming.next().await {
            match done {
                Ok(()) => {}
                Err(StepError::Failed { status, .. }) if status.code() == Some(NEEDS_TOKEN) => {
                    left.unenrolled.push(name);
                }
                Err(StepError::Failed { status, .. }) if status.code() == Some(RUNS_OTHERWISE) => {
                    left.running_otherwise.push(name);
                }
                Err(error) => {
                    let reason = chain(&error);
                    let _told = told::<()>(&name, Err(error));
                    left.broken.push((name, reason));
                }
            }
        }
        left
    }
}

impl Left {
    fn is_empty(&self) -> bool {
        let Self { unenrolled, running_otherwise, broken } = self;
        unenrolled.is_empty() && running_otherwise.is_empty() && broken.is_empty()
    }
}

/// Says in the rows what is broken, and by what.
async fn tell(scope: &Scope, broken: &[(String, String)]) {
    for (name, reason) in broken {
        let Ok(hostname) = name.parse() else { continue };
        if let Err(error) = vms::start_failed(scope, &hostname, reason).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, vm.hostname = name, "its page can't say that it is broken");
        }
    }
}

/// `vm.sh` asks by a line, while it holds the VM's folder.
async fn answer(
    mut stdin: ChildStdin,
    stdout: ChildStdout,
    token: impl Future<Output = Option<Token>>,
) -> io::Result<()> {
    if BufReader::new(stdout).lines().next_line().await?.is_none() {
        return Ok(());
    }
    let line = match token.await {
        Some(token) => format!("{}\n", token.reveal()),
        None => "\n".to_owned(),
    };
    stdin.write_all(line.as_bytes()).await
}

async fn token(scope: &Scope, name: String) -> Option<Token> {
    let hostname = name.parse().ok()?;
    let issued: Result<_, DbError> = agents::issue_while_idle(scope, &hostname).await;
    issued.unwrap_or_else(|error| {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, vm.hostname = name, "no enrolment token can be had yet");
        None
    })
}
