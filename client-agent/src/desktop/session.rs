use std::{
    env,
    fs::{self, DirBuilder},
    io,
    os::unix::fs::{DirBuilderExt as _, chown},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::unistd::getuid;
use tokio::{process::Command, time::timeout};
use tracing::debug;

use super::Account;
use crate::allocator::EnrolmentToken;

const LIMIT: Duration = Duration::from_secs(30);

/// Chrome Remote Desktop's own program beside start-host. start-host has systemd start the session;
/// where there is none, as in a container, it ends with an error after it has registered the
/// machine, and the session must be started by hand (contract §3.6).
#[derive(Clone)]
pub struct DesktopSession {
    program: PathBuf,
    home: PathBuf,
    user: String,
    account: Option<Account>,
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum SessionFailure {
    #[error("it can't be run: {0}")]
    NotRun(#[from] io::Error),
    #[error("it ended with {0}")]
    Exited(ExitStatus),
    #[error("it took longer than {} s", LIMIT.as_secs())]
    TooSlow,
}

impl DesktopSession {
    /// The program, if there is one: stand-ins for start-host have none.
    pub fn beside(
        start_host: &Path,
        home: &Path,
        user: &str,
        account: Option<Account>,
    ) -> Option<Self> {
        let program = start_host.with_file_name("chrome-remote-desktop");
        let there = program.is_file();
        there.then(|| Self { program, home: home.to_owned(), user: user.to_owned(), account })
    }

    pub async fn start(&self) -> Result<(), SessionFailure> {
        match timeout(LIMIT, self.call(&["--start", "--new-session"])).await {
            Err(_elapsed) => Err(SessionFailure::TooSlow),
            Ok(status) => match status? {
                status if status.success() => Ok(()),
                status => Err(SessionFailure::Exited(status)),
            },
        }
    }

    /// Ends the session of the participant before, if there is one.
    pub async fn stop(&self) {
        let stopped = timeout(LIMIT, self.call(&["--stop"])).await;
        if !matches!(stopped, Ok(Ok(status)) if status.success()) {
            debug!("no desktop session was stopped");
        }
    }

    async fn call(&self, arguments: &[&str]) -> io::Result<ExitStatus> {
        let runtime_dir = self.runtime_dir()?;
        let mut command = match &self.account {
            Some(account) => account.command(&self.program),
            None => Command::new(&self.program),
        };
        command
            .args(arguments)
            .env_remove(EnrolmentToken::VARIABLE)
            .env_remove("NOTIFY_SOCKET")
            .env("HOME", &self.home)
            .env("USER", &self.user)
            .env("LOGNAME", &self.user)
            .env("XDG_RUNTIME_DIR", runtime_dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .status()
            .await
    }

    /// The session needs one that exists; without systemd-logind nobody has made it.
    fn runtime_dir(&self) -> io::Result<PathBuf> {
        if let Some(account) = &self.account {
            return made_for(account);
        }
        let given = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let usual = PathBuf::from(format!("/run/user/{}", getuid()));
        let there = given.into_iter().chain([usual]).find(|folder| folder.is_dir());
        if let Some(folder) = there {
            return Ok(folder);
        }
        let own = self.home.join(".cache/lablink-runtime");
        fs::create_dir_all(self.home.join(".cache"))?;
        DirBuilder::new().recursive(true).mode(0o700).create(&own)?;
        Ok(own)
    }
}

/// Not in its home: what is made there as root could be led elsewhere.
fn made_for(account: &Account) -> io::Result<PathBuf> {
    let folder = account.runtime_dir();
    if !folder.is_dir() {
        DirBuilder::new().recursive(true).mode(0o755).create("/run/user")?;
        DirBuilder::new().mode(0o700).create(&folder)?;
        chown(&folder, Some(account.uid), Some(account.gid))?;
    }
    Ok(folder)
}
