use std::{
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, ChildStdout},
    time::timeout,
};
use tracing::{debug, info};

use super::{Owner, parts::Parts, place::Place};
use crate::desktop::output_tail::OutputTail;

/// How long the server may take to have a display.
const START: Duration = Duration::from_secs(10);
/// Between TERM and KILL.
const GRACE: Duration = Duration::from_secs(1);
/// Until a browser says how large its window is.
const SIZE: &str = "1280x800";

/// A VNC server with what draws on it.
pub struct Server {
    display: Child,
    session: Child,
    socket: PathBuf,
    /// What the session says is of use to nobody, but must be read.
    _said: OutputTail,
    _place: Place,
}

#[derive(Debug, thiserror::Error)]
pub enum ServerFailure {
    #[error("{0}")]
    Io(#[from] io::Error),
    #[error("the VNC server ended at once: {0}")]
    Ended(String),
    #[error("the VNC server had no display after {} s", START.as_secs())]
    TooSlow,
}

impl Server {
    /// Returns when the server listens. What draws on it takes a moment longer.
    pub async fn start(parts: &Parts, owner: &Owner) -> Result<Self, ServerFailure> {
        let place = Place::make(owner)?;
        let mut display = display(parts, owner, &place)?;
        let number = match display.stdout.take() {
            Some(stdout) => timeout(START, number(stdout)).await,
            None => return Err(io::Error::other("it has no output").into()),
        };
        let number = match number {
            Ok(Ok(Some(number))) => number,
            Ok(Ok(None) | Err(_)) => {
                let exited = display.wait().await?;
                return Err(ServerFailure::Ended(exited.to_string()));
            }
            Err(_elapsed) => return Err(ServerFailure::TooSlow),
        };
        let (session, said) = session(parts, owner, &place, &number)?;
        info!(display = number, "the desktop runs");
        Ok(Self { display, session, socket: place.socket(), _said: said, _place: place })
    }

    /// Its socket.
    pub fn place(&self) -> &Path {
        &self.socket
    }

    /// Waits until a part of it has ended.
    pub async fn ended(&mut self) -> String {
        let told = |what: &str, exited: io::Result<ExitStatus>| match exited {
            Ok(status) => format!("{what} ended with {status}"),
            Err(problem) => format!("{what} can't be watched: {problem}"),
        };
        tokio::select! {
            exited = self.display.wait() => told("the VNC server", exited),
            exited = self.session.wait() => told("the desktop environment", exited),
        }
    }

    /// Ends it and what it started: TERM, and after a second KILL.
    pub async fn end(mut self) {
        tokio::join!(end(&mut self.session), end(&mut self.display));
    }
}

async fn end(child: &mut Child) {
    // No id: it has exited and was reaped. What it has started ends with the display.
    let Some(group) = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw) else {
        return;
    };
    // Each fails only when nobody is left in the group.
    let _gone = killpg(group, Signal::SIGTERM);
    let _slow = timeout(GRACE, child.wait()).await;
    let _gone = killpg(group, Signal::SIGKILL);
    let _exited = child.wait().await;
}

/// Reached by its socket alone, and drawn on by who has the cookie. It picks a free number and says
/// it on its output.
fn display(parts: &Parts, owner: &Owner, place: &Place) -> io::Result<Child> {
    let mut command = owner.command(parts.server.as_os_str());
    command
        .args(["-displayfd", "1", "-rfbport", "-1", "-rfbunixmode", "0600", "-rfbunixpath"])
        .arg(place.socket())
        .arg("-auth")
        .arg(place.authority())
        .args(["-nolisten", "tcp", "-nolisten", "local", "-SecurityTypes", "None"])
        .args(["-geometry", SIZE, "-depth", "24", "-AlwaysShared", "-desktop", &owner.hostname])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
}

/// The number of its display. None: it ended without one.
async fn number(stdout: ChildStdout) -> io::Result<Option<String>> {
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).await?;
    let number = line.trim();
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    Ok(is_number.then(|| number.to_owned()))
}

fn session(
    parts: &Parts,
    owner: &Owner,
    place: &Place,
    number: &str,
) -> io::Result<(Child, OutputTail)> {
    let (output, writer) = io::pipe()?;
    let Some((program, arguments)) = parts.session.split_first() else {
        return Err(io::Error::other("there is no desktop environment"));
    };
    debug!(program, "starting the desktop environment");
    let session = owner
        .command(program.as_ref())
        .args(arguments)
        .env("DISPLAY", format!(":{number}"))
        .env("XAUTHORITY", place.authority())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .spawn()?;
    Ok((session, OutputTail::follow(output)?))
}
