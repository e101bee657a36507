use std::{
    io,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use lablink_protocol::{CrdCode, Hostname};
use nix::{
    sys::signal::{Signal, killpg},
    unistd::{Pid, geteuid},
};
use tokio::{
    io::AsyncWriteExt as _,
    process::{Child, Command},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{
    Account, HostFiles,
    output_tail::{LastWords, OutputTail},
    programs::Programs,
    session::{DesktopSession, SessionFailure},
};
use crate::allocator::EnrolmentToken;

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
    /// The user, where that is not the agent's own.
    pub account: Option<Account>,
    pub limit: Duration,
    /// How a session is started where start-host can't.
    pub session: Option<DesktopSession>,
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
    #[error("The desktop did not start ({0}): ask for another machine.")]
    NoSession(#[source] SessionFailure),
    #[error("Chrome Remote Desktop can't be watched: ask for another machine.")]
    Lost(#[source] io::Error),
    #[error("Chrome Remote Desktop was not ready after {} s: get a new command.", .0.as_secs())]
    TooSlow(Duration),
}

impl RemoteDesktop {
    /// Starts the program and gives it the PIN, twice, as it asks for it and for its repetition.
    pub async fn start(&self, code: &CrdCode, pin: &str) -> Result<Program, Failure> {
        self.end_session().await;
        let before = HostFiles::look(&self.home);
        let (mut child, output) = self.spawn(code).map_err(|reason| Failure::NotStarted {
            program: self.program.display().to_string(),
            reason,
        })?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that does not read it shows in its exit status or in the time limit.
            let _unread = stdin.write_all(format!("{pin}\n{pin}\n").as_bytes()).await;
        }
        let (home, session) = (self.home.clone(), self.session.clone());
        Ok(Program { child, output, before, home, limit: self.limit, session })
    }

    /// Ends programs of an earlier claim that still run.
    pub async fn end_session(&self) {
        if let Some(session) = &self.session {
            session.stop().await;
        }
    }

    /// Its programs, including those that an earlier agent has started.
    pub fn programs(&self) -> Programs {
        let own = || geteuid().as_raw();
        Programs {
            folder: self.program.parent().unwrap_or(&self.program).to_owned(),
            uid: self.account.as_ref().map_or_else(own, |it| it.uid),
            home: self.home.clone(),
        }
    }

    fn spawn(&self, code: &CrdCode) -> io::Result<(Child, OutputTail)> {
        let (output, writer) = io::pipe()?;
        let mut command = match &self.account {
            Some(account) => account.command(&self.program),
            None => Command::new(&self.program),
        };
        let child = command
            .arg(format!("--code={}", code.as_str()))
            .arg("--redirect-url=https://remotedesktop.google.com/_/oauthredirect")
            .arg(format!("--name={}", self.hostname))
            .env_remove(EnrolmentToken::VARIABLE)
            .env_remove("NOTIFY_SOCKET")
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
    session: Option<DesktopSession>,
}

impl Program {
    /// Waits until the machine is registered (a host file is new or changed, whatever the exit
    /// status), or the program exits with 0. A real start-host that has registered the machine and
    /// fails has not started the session: then that is done here.
    pub async fn connected(&mut self) -> Result<(), Failure> {
        match timeout(self.limit, self.registered()).await {
            Ok(registered) => registered,
            // It has done what counts, and waits for something else.
            Err(_elapsed) if self.has_registered() => Ok(()),
            Err(_elapsed) => Err(Failure::TooSlow(self.limit)),
        }
    }

    fn has_registered(&self) -> bool {
        HostFiles::look(&self.home).differ_from(&self.before)
    }

    async fn registered(&mut self) -> Result<(), Failure> {
        loop {
            let exited = timeout(LOOK_EVERY, self.child.wait()).await;
            let registered = self.has_registered();
            match (exited, &self.session) {
                (Ok(Err(reason)), _) => return Err(Failure::Lost(reason)),
                (Ok(Ok(status)), _) if status.success() => return Ok(()),
                (Ok(Ok(status)), _) if !registered => return Err(Failure::Exited(status)),
                (Ok(Ok(_failed)), Some(session)) => {
                    return session.start().await.map_err(Failure::NoSession);
                }
                (Ok(Ok(_)) | Err(_), None) if registered => return Ok(()),
                (Ok(Ok(_)) | Err(_), _) => {}
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
