use std::{
    io,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use lablink_protocol::{CrdCode, Hostname};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::{
    enrolment_token::EnrolmentToken,
    host_files::HostFiles,
    output_tail::{LastWords, OutputTail},
};

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Between TERM and KILL: the agent itself has 2 s to stop.
const GRACE: Duration = Duration::from_secs(1);

/// How the remote desktop program is called: without a shell, as the user whose desktop it is.
pub struct RemoteDesktop {
    pub program: PathBuf,
    pub hostname: Hostname,
    pub home: PathBuf,
    /// Login name; start-host insists that it is the one of the user id.
    pub user: String,
    pub limit: Duration,
}

/// Why there is no remote desktop, in words for participant and organiser.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error(
        "This machine can't start Chrome Remote Desktop ({program}: {reason}): ask for another."
    )]
    NotStarted { program: String, reason: io::Error },
    #[error(
        "Chrome Remote Desktop did not accept the command ({0}): get a new one, since each works \
         once and for a few minutes."
    )]
    Exited(ExitStatus),
    #[error("Chrome Remote Desktop can't be watched: ask for another machine.")]
    Lost(#[source] io::Error),
    #[error("Chrome Remote Desktop was not ready after {} s: get a new command.", .0.as_secs())]
    TooSlow(Duration),
}

impl RemoteDesktop {
    /// Starts the program and gives it the PIN, twice, as it asks for it and for its repetition.
    pub async fn start(&self, code: &CrdCode, pin: &str) -> Result<Program, Failure> {
        let before = HostFiles::look(&self.home);
        let (mut child, output) = self.spawn(code).map_err(|reason| Failure::NotStarted {
            program: self.program.display().to_string(),
            reason,
        })?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read it shows in its exit status or in the time limit.
            let _unread = stdin.write_all(format!("{pin}\n{pin}\n").as_bytes()).await;
        }
        Ok(Program { child, output, before, home: self.home.clone(), limit: self.limit })
    }

    fn spawn(&self, code: &CrdCode) -> io::Result<(Child, OutputTail)> {
        let (output, writer) = io::pipe()?;
        let child = Command::new(&self.program)
            .arg(format!("--code={}", code.as_str()))
            .arg("--redirect-url=https://remotedesktop.google.com/_/oauthredirect")
            .arg(format!("--name={}", self.hostname))
            .env_remove(EnrolmentToken::VARIABLE)
            .env("DISPLAY", "")
            .env("HOME", &self.home)
            .env("USER", &self.user)
            .env("LOGNAME", &self.user)
            .stdin(Stdio::piped())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            // A group of its own, so that what it starts can be ended with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        Ok((child, OutputTail::follow(output)?))
    }
}

/// A remote desktop program that was started.
pub struct Program {
    child: Child,
    output: OutputTail,
    before: HostFiles,
    home: PathBuf,
    limit: Duration,
}

impl Program {
    /// Waits until the machine is registered (a host file is new or changed, whatever the exit
    /// status), or the program exits with 0.
    pub async fn connected(&mut self) -> Result<(), Failure> {
        timeout(self.limit, self.registered())
            .await
            .map_err(|_elapsed| Failure::TooSlow(self.limit))?
    }

    async fn registered(&mut self) -> Result<(), Failure> {
        loop {
            let exited = timeout(LOOK_EVERY, self.child.wait()).await;
            if HostFiles::look(&self.home).differ_from(&self.before) {
                return Ok(());
            }
            match exited {
                Err(_still_runs) => {}
                Ok(Ok(status)) if status.success() => return Ok(()),
                Ok(Ok(status)) => return Err(Failure::Exited(status)),
                Ok(Err(reason)) => return Err(Failure::Lost(reason)),
            }
        }
    }

    /// Leaves the program alone until `stop`, then ends it.
    pub async fn keep_until(mut self, stop: &CancellationToken) {
        tokio::select! {
            _exited = self.child.wait() => info!("the remote desktop program has exited"),
            () = stop.cancelled() => drop(self.end().await),
        }
    }

    /// Ends the program and what it started: TERM, and after a second KILL.
    pub async fn end(mut self) -> LastWords {
        // No id: it has exited and was reaped, and its number may be another's by now.
        if let Some(group) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            let group = Pid::from_raw(group);
            // Each fails only when nobody is left in the group.
            let _gone = killpg(group, Signal::SIGTERM);
            let _slow = timeout(GRACE, self.child.wait()).await;
            let _gone = killpg(group, Signal::SIGKILL);
            let _exited = self.child.wait().await;
        }
        self.output.last_words().await
    }
}
