use std::{
    fs,
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::failure::Failure;
use crate::desktop::Account;

/// Between TERM and KILL: programs may save what they have.
const GRACE: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Ends every process of the account, also those that come meanwhile.
pub fn end_all(account: &Account) -> Result<(), Failure> {
    for pid in of(account) {
        let _gone = kill(pid, Signal::SIGTERM);
    }
    let (asked, told) = (Instant::now(), Instant::now() + LIMIT);
    while asked.elapsed() < GRACE && !of(account).is_empty() {
        thread::sleep(LOOK_EVERY);
    }
    loop {
        let left = of(account);
        let Some(first) = left.first() else { return Ok(()) };
        if Instant::now() > told {
            return Err(Failure::Process { pid: first.as_raw(), name: name(*first) });
        }
        kill_at_once(account);
        for pid in left {
            let _gone = kill(pid, Signal::SIGKILL);
        }
        thread::sleep(LOOK_EVERY);
    }
}

/// One signal to all of them, which a program that forks without end can't outrun. Only a process of
/// the account can send it, and the account can stop that process: it gets a moment, and the caller
/// looks again.
fn kill_at_once(account: &Account) {
    let spawned = Command::new("/bin/sh")
        .args(["-c", "kill -KILL -1"])
        .uid(account.uid)
        .gid(account.gid)
        .current_dir("/")
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Ok(child) = spawned {
        reap(child, Duration::from_secs(1));
    }
}

/// Waits for a child of ours, at most so long.
pub fn reap(mut child: Child, limit: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < limit {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        thread::sleep(LOOK_EVERY);
    }
    let _gone = child.kill();
    let _reaped = child.wait();
}

/// The processes that run as the account, in whatever way: a program with somebody else's rights
/// that it has started is one as well.
fn of(account: &Account) -> Vec<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let numbers = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers
        .filter(|number: &i32| {
            // It may be gone by now.
            fs::read_to_string(format!("/proc/{number}/status"))
                .is_ok_and(|status| runs_as(&status, account.uid))
        })
        .map(Pid::from_raw)
        .collect()
}

fn runs_as(status: &str, uid: u32) -> bool {
    let value = |key| status.lines().find_map(|line: &str| line.strip_prefix(key)).unwrap_or("");
    let is_dead = value("State:").trim_start().starts_with(['Z', 'X']);
    let uid = uid.to_string();
    !is_dead && value("Uid:").split_whitespace().any(|word| word == uid)
}

fn name(pid: Pid) -> String {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_of_a_processs_users_counts_and_the_dead_do_not() {
        let status = |state, uids| format!("Name:\tx\nState:\t{state}\nUid:\t{uids}\n");
        assert!(runs_as(&status("S (sleeping)", "1001\t1001\t1001\t1001"), 1001));
        assert!(runs_as(&status("R (running)", "1001\t0\t0\t0"), 1001), "a setuid program");
        assert!(!runs_as(&status("Z (zombie)", "1001\t1001\t1001\t1001"), 1001));
        assert!(!runs_as(&status("S (sleeping)", "10011\t0\t0\t0"), 1001));
        assert!(!runs_as("", 1001));
    }
}
