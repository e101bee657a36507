use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use nix::unistd::{User, getuid};
use tokio::process::Command;

/// Runs a program as somebody else, with the groups of theirs (std can't give those).
const SETPRIV: &str = "/usr/bin/setpriv";

/// The account whose desktop is shared, where that is not the agent's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    pub home: PathBuf,
}

impl Account {
    /// For an agent that may act for others.
    pub fn to_serve(name: &str) -> anyhow::Result<Self> {
        ensure!(
            getuid().is_root(),
            "--desktop-user is for an agent that runs as root: leave it out, or run it as root"
        );
        Self::find(name)?.with_context(|| {
            format!("there is no account {name}: make it, or run a new install command")
        })
    }

    /// As the user database has it now.
    pub fn find(name: &str) -> anyhow::Result<Option<Self>> {
        let found = User::from_name(name).context("can't read the user database")?;
        Ok(found.map(|user| Self {
            name: user.name,
            uid: user.uid.as_raw(),
            gid: user.gid.as_raw(),
            home: user.dir,
        }))
    }

    /// Starts `program` as this account.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(SETPRIV);
        command
            .arg(format!("--reuid={}", self.uid))
            .arg(format!("--regid={}", self.gid))
            .args(["--init-groups", "--"])
            .arg(program)
            .current_dir("/");
        if self.runtime_dir().is_dir() {
            command.env("XDG_RUNTIME_DIR", self.runtime_dir());
        }
        command
    }

    pub fn runtime_dir(&self) -> PathBuf {
        PathBuf::from(format!("/run/user/{}", self.uid))
    }
}
