//! A Terraform whose allocator was killed runs on. Its pid is noted so that the next worker on
//! this machine can end it.

use std::{
    fs, io,
    path::Path,
    time::{Duration, SystemTime},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::time::{Instant, sleep};

/// How long Terraform may take to stop by itself before all that it started is killed. Short: the
/// operation must have its end within 30 s, and the lease has taken 20 of them.
const GRACE: Duration = Duration::from_secs(5);

/// A running process, told from a later one of the same number by its start time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pid: i32,
    /// Clock ticks since boot.
    started: u64,
}

/// What `/proc` says of a process that is no zombie.
struct Stat {
    session: i32,
    started: u64,
}

impl Stat {
    fn of(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may hold anything; the state is the first field after it.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        if fields.next()? == "Z" {
            return None;
        }
        let session = fields.nth(2)?.parse().ok()?;
        let started = fields.nth(15)?.parse().ok()?;
        Some(Self { session, started })
    }
}

impl Process {
    /// The live process of this pid.
    pub fn find(pid: i32) -> Option<Self> {
        Stat::of(pid).map(|stat| Self { pid, started: stat.started })
    }

    fn lives(self) -> bool {
        Self::find(self.pid) == Some(self)
    }

    pub fn note(self, file: &Path) -> io::Result<()> {
        fs::write(file, format!("{} {}\n", self.pid, self.started))
    }

    fn noted(file: &Path) -> Option<Self> {
        let text = fs::read_to_string(file).ok()?;
        let (pid, started) = text.trim().split_once(' ')?;
        Some(Self { pid: pid.parse().ok()?, started: started.parse().ok()? })
    }

    /// Asks Terraform itself to stop. Its group holds the commands that it runs, which must be
    /// allowed to end by themselves.
    pub fn interrupt(self) {
        if self.lives() {
            let _gone = kill(Pid::from_raw(self.pid), Signal::SIGINT);
        }
    }

    /// Kills it and all that is left of its session, itself gone or not. The agents of local VMs
    /// have sessions of their own.
    pub fn kill_session(self) {
        for pid in self.session() {
            let _gone = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }

    /// Empty when the number is another process's by now: a number in use as a session's is given
    /// to nobody.
    fn session(self) -> Vec<i32> {
        if Self::find(self.pid).is_some_and(|found| found != self) {
            return Vec::new();
        }
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| {
            Stat::of(*pid).is_some_and(|it| {
                (it.session == self.pid || *pid == self.pid) && it.started >= self.started
            })
        })
        .collect()
    }
}

/// Ends the Terraform that an earlier worker left running, and what is left of one that was killed.
/// Says since when there was one to look for.
pub(super) async fn end(pid_file: &Path) -> Option<SystemTime> {
    let process = Process::noted(pid_file)?;
    let since = noted_at(pid_file)?;
    if process.lives() {
        tracing::warn!(
            pid = process.pid,
            "ending the Terraform that an earlier allocator left running"
        );
        process.interrupt();
    }
    let deadline = Instant::now() + GRACE;
    while process.lives() && Instant::now() < deadline {
        sleep(Duration::from_millis(100)).await;
    }
    while !process.session().is_empty() {
        process.kill_session();
        sleep(Duration::from_millis(50)).await;
    }
    Some(since)
}

/// When the last Terraform began, if it did not come to its own end.
pub(super) fn noted_at(pid_file: &Path) -> Option<SystemTime> {
    fs::metadata(pid_file).and_then(|note| note.modified()).ok()
}

/// Nothing is left to be cleared up.
pub(super) fn forget(pid_file: &Path) {
    let _gone_already = fs::remove_file(pid_file);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spawn(script: &str) -> (std::process::Child, Process) {
        let child =
            std::process::Command::new("setsid").args(["sh", "-c", script]).spawn().unwrap();
        let process = Process::find(i32::try_from(child.id()).unwrap()).unwrap();
        // `setsid` needs a moment to make the session.
        while Stat::of(process.pid).unwrap().session != process.pid {
            std::thread::sleep(Duration::from_millis(5));
        }
        (child, process)
    }

    #[tokio::test]
    async fn ends_what_was_noted() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (mut child, process) = spawn("exec sleep 600");
        process.note(file.path()).unwrap();
        end(file.path()).await;
        assert!(!child.wait().unwrap().success());
    }

    #[tokio::test]
    async fn ends_what_a_killed_one_had_started() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (mut child, process) = spawn("sleep 600 & sleep 600");
        process.note(file.path()).unwrap();
        while process.session().len() < 3 {
            sleep(Duration::from_millis(5)).await;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(process.session().len(), 2, "they live on");
        end(file.path()).await;
        assert!(process.session().is_empty());
    }

    #[tokio::test]
    async fn spares_a_later_process_of_the_same_number() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (mut child, process) = spawn("exec sleep 600");
        Process { started: process.started + 1, ..process }.note(file.path()).unwrap();
        end(file.path()).await;
        assert!(process.lives());
        process.kill_session();
        child.wait().unwrap();
    }
}
