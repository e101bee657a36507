use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// Between TERM and KILL.
const GRACE: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Where Debian's package puts Chrome Remote Desktop: what the agent calls may lead there.
const PACKAGE: &str = "/opt/google/chrome-remote-desktop";

/// The programs of Chrome Remote Desktop, there and in this folder, that run for one desktop: host and
/// session go on by themselves, and need not obey `--stop`.
pub struct Programs {
    pub folder: PathBuf,
    pub uid: u32,
    /// Tells local VMs apart, which share user and programs.
    pub home: PathBuf,
}

#[derive(Debug, thiserror::Error)]
#[error("process {0} does not end")]
pub struct StillRuns(Pid);

impl Programs {
    /// Ends them all: TERM, and after a while KILL. Blocks, for seconds.
    pub fn end(&self) -> Result<(), StillRuns> {
        let begun = Instant::now();
        while let Some(first) = self.running().first().copied() {
            if begun.elapsed() > LIMIT {
                return Err(StillRuns(first));
            }
            let signal = if begun.elapsed() < GRACE { Signal::SIGTERM } else { Signal::SIGKILL };
            for pid in self.running() {
                let _gone = kill(pid, signal);
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    fn running(&self) -> Vec<Pid> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let own = std::process::id().cast_signed();
        numbers.filter(|pid| *pid != own && self.is_one(*pid)).map(Pid::from_raw).collect()
    }

    /// Called by its path, or run by an interpreter that is.
    fn is_one(&self, pid: i32) -> bool {
        let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let status = String::from_utf8_lossy(&read("status")).into_owned();
        let value =
            |key| status.lines().find_map(|line: &str| line.strip_prefix(key)).unwrap_or("");
        let is_dead = value("State:").trim_start().starts_with(['Z', 'X']);
        let runs_as = value("Uid:").split_whitespace().next() == Some(&self.uid.to_string());
        let command = read("cmdline");
        let mut words = command.split(|byte| *byte == 0).take(2);
        let is_here = |word: &[u8]| {
            let path = Path::new(OsStr::from_bytes(word));
            path.starts_with(&self.folder) || path.starts_with(PACKAGE)
        };
        let home = [b"HOME=".as_slice(), self.home.as_os_str().as_bytes()].concat();
        let is_ours = || read("environ").split(|byte| *byte == 0).any(|it| it == home);
        !is_dead && runs_as && words.any(is_here) && is_ours()
    }
}
