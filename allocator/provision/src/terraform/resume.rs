//! The start of local VMs that were stopped, with the allocator or with the machine.

use std::{future::Future, io, time::Duration};

use futures_util::StreamExt;
use lablink_core::{Db, DbError, Token, agents, pools::PoolId, vms};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::{ChildStdin, ChildStdout},
};

use super::{
    CaughtUp, LocalVms, StepError,
    local::{AT_ONCE, START, told},
};
use crate::worker::Limit;

/// How `vm.sh resume` ends when the VM needs a token that it was not given.
const NEEDS_TOKEN: i32 = 3;
/// How soon such a VM is tried again.
const AGAIN: Duration = Duration::from_secs(2);

impl LocalVms {
    /// Starts the agents of all VMs that are there and don't run. One that could never enrol gets a
    /// fresh token, if it has a row once `caught_up` says that all have theirs, and while no
    /// operation of the pool is at work: the token that such a one has given must hold. Ends when
    /// none waits any more.
    pub async fn resume_all(&self, db: &Db, pool: PoolId, caught_up: CaughtUp) -> io::Result<()> {
        let mut waiting = self.resume(self.names()?, |_| std::future::ready(None)).await;
        if waiting.is_empty() {
            return Ok(());
        }
        caught_up.reached().await;
        loop {
            match vms::list(db, pool).await {
                Ok(vms) => {
                    waiting.retain(|name| vms.iter().any(|vm| vm.hostname.as_str() == name));
                    waiting = self.resume(waiting, |name| token(db, pool, name)).await;
                }
                Err(error) if error.is_away() => {}
                Err(error) => return Err(io::Error::other(error)),
            }
            if waiting.is_empty() {
                return Ok(());
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Tries it with each, and gives those that need a token and got none.
    async fn resume<T>(&self, names: Vec<String>, token: impl Fn(String) -> T) -> Vec<String>
    where
        T: Future<Output = Option<Token>>,
    {
        let resuming = futures_util::stream::iter(names).map(|name| {
            let step = self.step("resume", &name, START, Limit::default());
            let token = token(name.clone());
            async move {
                match step.converse(|stdin, stdout| answer(stdin, stdout, token)).await {
                    Err(StepError::Failed { status, .. }) if status.code() == Some(NEEDS_TOKEN) => {
                        Some(name)
                    }
                    done => {
                        let _told = told(&name, done);
                        None
                    }
                }
            }
        });
        resuming.buffer_unordered(AT_ONCE).filter_map(std::future::ready).collect().await
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

async fn token(db: &Db, pool: PoolId, name: String) -> Option<Token> {
    let hostname = name.parse().ok()?;
    let issued: Result<_, DbError> = agents::issue_while_idle(db, pool, &hostname).await;
    issued.unwrap_or_else(|error| {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, machine.hostname = name, "no enrolment token can be had yet");
        None
    })
}
