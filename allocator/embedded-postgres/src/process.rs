use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    process::Child,
    time::{sleep, timeout},
};

use crate::{
    EmbeddedPostgresError, Result, account::Account, binaries::Binaries, layout::Layout, leftover,
    log, run_dir::PORT,
};

/// Fast shutdown: open transactions are rolled back, then a checkpoint is written.
const FAST: (Signal, Duration) = (Signal::SIGINT, Duration::from_secs(30));
/// Immediate shutdown: the next start recovers from the write-ahead log.
const IMMEDIATE: (Signal, Duration) = (Signal::SIGQUIT, Duration::from_secs(10));

/// The server's main process.
pub(super) enum Process {
    Spawned(Child),
    /// Not our child, so it can't be waited for, only looked at.
    Adopted {
        pid: Pid,
        cluster: PathBuf,
    },
}

impl Process {
    /// Starts a server that lives on when the handle is dropped.
    pub(super) fn spawn(
        layout: &Layout,
        account: Account,
        binaries: &Binaries,
        socket_dir: &Path,
        options: &[(String, String)],
    ) -> Result<Self> {
        let failed = || EmbeddedPostgresError::io("start the embedded PostgreSQL");
        let log = log::open(&layout.log())?;
        let mut directories = OsString::from("unix_socket_directories=");
        directories.push(socket_dir);
        let child = account
            .command(&binaries.postgres())
            .arg("-D")
            .arg(layout.cluster())
            .args(["-c", "listen_addresses=", "-c", "unix_socket_permissions=0700"])
            .args(["-c", &format!("port={PORT}"), "-c"])
            .arg(directories)
            .args(["-c", "cluster_name=lablink", "-c", "logging_collector=off"])
            .args(options.iter().flat_map(|(name, value)| ["-c".into(), format!("{name}={value}")]))
            .stdout(log.try_clone().map_err(failed())?)
            .stderr(log)
            .spawn()
            .map_err(failed())?;
        Ok(Self::Spawned(child))
    }

    fn pid(&self) -> Option<Pid> {
        match self {
            Self::Spawned(child) => child.id().and_then(|id| id.try_into().ok()).map(Pid::from_raw),
            Self::Adopted { pid, cluster } => leftover::is_server_of(*pid, cluster).then_some(*pid),
        }
    }

    /// Returns once the process has ended.
    pub(super) async fn ended(&mut self) -> Result<()> {
        match self {
            Self::Spawned(child) => {
                child.wait().await.map_err(EmbeddedPostgresError::io("wait for PostgreSQL"))?;
            }
            Self::Adopted { .. } => {
                while self.pid().is_some() {
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
        Ok(())
    }

    /// Ends the server gently, then firmly.
    pub(super) async fn stop(&mut self) -> Result<()> {
        for (signal, patience) in [FAST, IMMEDIATE] {
            let Some(pid) = self.pid() else { return Ok(()) };
            // It may have ended this very moment, which waiting will show.
            let _ = kill(pid, signal);
            if let Ok(ended) = timeout(patience, self.ended()).await {
                return ended;
            }
        }
        match self.pid() {
            Some(pid) => Err(EmbeddedPostgresError::StillRunning { pid: pid.as_raw() }),
            None => Ok(()),
        }
    }
}
