use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::time::{Instant, sleep};

use crate::{EmbeddedPostgresError, Result};

/// A live server of ours that an earlier allocator left, or another one runs.
pub(super) struct Leftover {
    pub(super) pid: Pid,
    /// Absent while it is starting.
    pub(super) socket_dir: Option<PathBuf>,
}

/// The live server of `cluster`, in whatever state: starting, ready or shutting down.
pub(super) fn find(cluster: &Path) -> Option<Leftover> {
    let text = fs::read_to_string(pid_file(cluster)).ok()?;
    parse(&text).filter(|leftover| is_server_of(leftover.pid, cluster))
}

/// Reads `postmaster.pid`, whose first line is the process id and fifth the socket's folder.
fn parse(text: &str) -> Option<Leftover> {
    let mut lines = text.lines();
    let pid = lines.next()?.trim().parse().ok().filter(|pid| *pid > 1)?;
    let socket_dir = lines.nth(3).map(str::trim).filter(|dir| !dir.is_empty());
    Some(Leftover { pid: Pid::from_raw(pid), socket_dir: socket_dir.map(PathBuf::from) })
}

/// Whether the process is a Postgres that runs in `cluster` (servers do: it is their working
/// directory) and not another program that got its id.
pub(super) fn is_server_of(pid: Pid, cluster: &Path) -> bool {
    let process = Path::new("/proc").join(pid.to_string());
    let is_postgres = fs::read_link(process.join("exe")).is_ok_and(|exe| {
        // After an upgrade of the package the link reads "…/postgres (deleted)".
        exe.file_name().is_some_and(|name| name.to_string_lossy().starts_with("postgres"))
    });
    is_postgres && fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == cluster)
}

/// Clears what a killed server left, so that a new one can start: its pid file (Postgres does
/// not overwrite one whose id meanwhile belongs to another program) and busy workers, which
/// notice the death of their server late and hold its shared memory.
pub(super) async fn clear(cluster: &Path) -> Result<()> {
    let _ = fs::remove_file(pid_file(cluster));
    let start = Instant::now();
    loop {
        let workers = processes_of(cluster);
        let signal = match start.elapsed().as_secs() {
            0..5 => Signal::SIGQUIT,
            5..15 => Signal::SIGKILL,
            _ => match workers.first() {
                Some(pid) => return Err(EmbeddedPostgresError::StillRunning { pid: pid.as_raw() }),
                None => return Ok(()),
            },
        };
        if workers.is_empty() {
            return Ok(());
        }
        for pid in workers {
            let _ = kill(pid, signal);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

fn processes_of(cluster: &Path) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Pid::from_raw))
        .filter(|pid| is_server_of(*pid, cluster))
        .collect()
}

fn pid_file(cluster: &Path) -> PathBuf {
    cluster.join("postmaster.pid")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_pid_file_of_a_running_and_of_a_starting_server() {
        let running = parse(
            "4242\n/data/postgres\n1700000000\n5432\n/run/lablink-ab\n\n  123  4\nready   \n",
        )
        .unwrap();
        assert_eq!(running.pid, Pid::from_raw(4242));
        assert_eq!(running.socket_dir.unwrap(), Path::new("/run/lablink-ab"));
        let starting = parse("4242\n/data/postgres\n1700000000\n5432\n").unwrap();
        assert!(starting.socket_dir.is_none());
    }

    #[test]
    fn garbage_in_the_pid_file_is_no_server() {
        for text in ["", "x\n", "0\n", "-1\n", "1\n"] {
            assert!(parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn another_program_is_no_server_even_in_the_same_folder() {
        let here = std::env::current_dir().unwrap();
        assert!(!is_server_of(Pid::this(), &here));
    }
}
