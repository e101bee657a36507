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
        Self::even_of_a_zombie(pid).and_then(|(stat, state)| (state != "Z").then_some(stat))
    }

    /// With the letter of the process's state.
    fn even_of_a_zombie(pid: i32) -> Option<(Self, String)> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name, in parentheses, may hold anything; the state is the first field after it.
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        let state = fields.next()?.to_owned();
        let session = fields.nth(2)?.parse().ok()?;
        let started = fields.nth(15)?.parse().ok()?;
        Some((Self { session, started }, state))
    }
}

impl Process {
    /// The live process of this pid.
    pub fn find(pid: i32) -> Option<Self> {
        Stat::of(pid).map(|stat| Self { pid, started: stat.started })
    }

    /// A child of ours that nobody has waited for yet, whether it has ended or not: what it started
    /// may go on.
    pub fn of_child(pid: i32) -> Option<Self> {
        let (stat, _state) = Stat::even_of_a_zombie(pid)?;
        Some(Self { pid, started: stat.started })
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

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        process::{Command, Stdio},
    };

    use super::*;

    #[test]
    fn what_a_child_left_behind_is_found_though_it_has_ended_before_we_looked() {
        let mut command = Command::new("setsid");
        command.args(["sh", "-c", "sleep 600 & echo $!; kill -9 $$"]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut left = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut left).unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        while Process::find(pid).is_some() {
            std::thread::yield_now();
        }
        let process = Process::of_child(pid).unwrap();
        child.wait().unwrap();
        let left: i32 = left.trim().parse().unwrap();
        assert_eq!(process.session(), [left]);
        process.kill_session();
    }
}
