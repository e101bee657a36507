//! A process that is told from a later one of the same number.

use std::{fmt, fs, io, path::Path};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// A running process, told from a later one of the same number by its start time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub pid: i32,
    /// Clock ticks since boot.
    pub started: u64,
}

/// What `/proc` says of a process that is no zombie.
pub(super) struct Stat {
    pub session: i32,
    started: u64,
}

impl Stat {
    pub fn of(pid: i32) -> Option<Self> {
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

    pub fn lives(self) -> bool {
        Self::find(self.pid) == Some(self)
    }

    pub fn note(self, file: &Path) -> io::Result<()> {
        fs::write(file, format!("{self}\n"))
    }

    pub fn noted(file: &Path) -> Option<Self> {
        Self::read(&fs::read_to_string(file).ok()?)
    }

    /// From how it is written.
    pub fn read(text: &str) -> Option<Self> {
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
    pub fn session(self) -> Vec<i32> {
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

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.pid, self.started)
    }
}
