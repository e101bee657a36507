//! A Terraform whose allocator was killed runs on. Its pid is noted so that the next worker on
//! this machine can end it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};

/// How long Terraform may take to stop by itself before its whole tree is killed.
const GRACE: Duration = Duration::from_secs(10);

/// A running process, told from a later one of the same number by its start time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pid: i32,
    /// Clock ticks since boot.
    started: u64,
}

impl Process {
    /// The live process of this pid.
    pub fn find(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may hold anything; the state is the first field after it.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        if fields.next()? == "Z" {
            return None;
        }
        let started = fields.nth(18)?.parse().ok()?;
        Some(Self { pid, started })
    }

    fn lives(self) -> bool {
        Self::find(self.pid) == Some(self)
    }

    pub fn note(self, folder: &Path) -> io::Result<()> {
        fs::write(pid_file(folder), format!("{} {}\n", self.pid, self.started))
    }

    fn noted(folder: &Path) -> Option<Self> {
        let text = fs::read_to_string(pid_file(folder)).ok()?;
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

    pub fn kill_group(self) {
        let _gone = killpg(Pid::from_raw(self.pid), Signal::SIGKILL);
    }
}

fn pid_file(folder: &Path) -> PathBuf {
    folder.join("terraform.pid")
}

/// Ends the Terraform that an earlier worker left running in this operation's folder, if any.
pub(super) async fn end(folder: &Path) {
    let Some(process) = Process::noted(folder) else { return };
    if !process.lives() {
        return;
    }
    tracing::warn!(
        pid = process.pid,
        "ending the Terraform that an earlier allocator left running"
    );
    process.interrupt();
    let deadline = tokio::time::Instant::now() + GRACE;
    while process.lives() {
        if tokio::time::Instant::now() > deadline {
            process.kill_group();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ends_what_was_noted() {
        let folder = tempfile::tempdir().unwrap();
        let mut child =
            std::process::Command::new("setsid").args(["sleep", "600"]).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        Process::find(pid).unwrap().note(folder.path()).unwrap();
        end(folder.path()).await;
        assert!(!child.wait().unwrap().success());
    }

    #[tokio::test]
    async fn spares_a_later_process_of_the_same_number() {
        let folder = tempfile::tempdir().unwrap();
        let mut child =
            std::process::Command::new("setsid").args(["sleep", "600"]).spawn().unwrap();
        let process = Process::find(i32::try_from(child.id()).unwrap()).unwrap();
        Process { started: process.started + 1, ..process }.note(folder.path()).unwrap();
        end(folder.path()).await;
        assert!(process.lives());
        process.kill_group();
        child.wait().unwrap();
    }
}
