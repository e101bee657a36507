//! Whose fault a failed start is: the machine's, or the command's.

use std::{os::unix::process::ExitStatusExt as _, process::ExitStatus};

use lablink_protocol::Fault;

use crate::desktop::Failure;

/// What start-host says of a command that Google does not take.
const REFUSED: [&str; 2] = ["oauth error", "invalid_grant"];

/// What start-host, the loader and the system say where no command could work.
const BROKEN: [&str; 27] = [
    "must not run start-host as root",
    "no space left on device",
    "disk quota exceeded",
    "read-only file system",
    "input/output error",
    "cannot allocate memory",
    "out of memory",
    "bad_alloc",
    "too many open files",
    "resource temporarily unavailable",
    "cannot open display",
    "can't open display",
    "unable to open display",
    "error while loading shared libraries",
    "cannot open shared object file",
    "symbol lookup error",
    "version `glibc",
    "exec format error",
    "command not found",
    "segmentation fault",
    "illegal instruction",
    "bus error",
    "network is unreachable",
    "name resolution",
    "could not resolve",
    "network error",
    "failed to connect to the bus",
];

/// Likewise, if it is said of a file: of an account it is Google's word.
const BROKEN_FILE: [&str; 4] =
    ["no such file or directory", "permission denied", "operation not permitted", "not found"];

/// A sentence for people, with whose fault it is.
pub fn verdict(failure: &Failure, said: &[String]) -> (Fault, String) {
    let is_refused = said.iter().any(|line| holds(line, &REFUSED));
    // A shell says of a program that it was killed, in that word.
    let broken = said
        .iter()
        .rfind(|line| holds(line, &BROKEN) || line.eq_ignore_ascii_case("killed"))
        .or_else(|| said.last().filter(|line| line.contains('/') && holds(line, &BROKEN_FILE)))
        .filter(|_| !is_refused);
    let (fault, sentence, line) = match failure {
        Failure::Exited(status) if broken.is_some() || was_killed(*status) => {
            let sentence = format!("Chrome Remote Desktop can't run on this machine ({status}).");
            (Fault::Machine, sentence, broken.or(said.last()))
        }
        Failure::TooSlow(limit) if broken.is_some() => {
            let seconds = limit.as_secs();
            let sentence = format!("Chrome Remote Desktop was not ready after {seconds} s.");
            (Fault::Machine, sentence, broken)
        }
        Failure::NotStarted { .. } | Failure::NoSession(_) | Failure::Lost(_) => {
            (Fault::Machine, failure.to_string(), said.last())
        }
        Failure::Exited(_) | Failure::TooSlow(_) => {
            (Fault::Command, failure.to_string(), said.last())
        }
    };
    let sentence = match line {
        Some(line) => format!("{sentence} It said: {line}"),
        None => sentence,
    };
    (fault, sentence)
}

/// By a signal, also if a shell in between says so, or it can't be run at all.
fn was_killed(status: ExitStatus) -> bool {
    status.signal().is_some() || matches!(status.code(), Some(126 | 127 | 129..=192))
}

fn holds(line: &str, words: &[&str]) -> bool {
    let line = line.to_lowercase();
    words.iter().any(|word| line.contains(word))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn exited(code: i32, said: &[&str]) -> (Fault, String) {
        let said: Vec<String> = said.iter().map(|line| (*line).to_owned()).collect();
        verdict(&Failure::Exited(ExitStatus::from_raw(code << 8)), &said)
    }

    #[test]
    fn a_machine_that_can_run_nothing_is_at_fault() {
        for line in [
            "Must not run start-host as root.",
            "mkdir: cannot create '/home/x/.config': No space left on device",
            "terminate called after throwing an instance of 'std::bad_alloc'",
            "start-host: error while loading shared libraries: libx.so: cannot open …",
            "Cannot open display: :20",
            "/home/x/.config/chrome-remote-desktop: Permission denied",
            "/opt/start-host: 3: xauth: not found",
            "Killed",
        ] {
            let (fault, sentence) = exited(1, &["starting", line]);
            assert_eq!(fault, Fault::Machine, "{line}");
            assert!(sentence.ends_with(&format!("It said: {line}")), "{sentence}");
            assert!(!sentence.contains("get a new one"), "{sentence}");
        }
        let (_, sentence) = exited(1, &["Read-only file system", "Couldn't start host."]);
        assert!(sentence.ends_with("Read-only file system"), "the telling line: {sentence}");
        for code in [126, 127, 134, 137, 139, 143] {
            assert_eq!(exited(code, &[]).0, Fault::Machine, "{code}");
        }
        let (fault, _) = verdict(&Failure::Exited(ExitStatus::from_raw(9)), &[]);
        assert_eq!(fault, Fault::Machine, "SIGKILL");
        let slow = Failure::TooSlow(Duration::from_secs(60));
        assert_eq!(verdict(&slow, &["Network is unreachable".to_owned()]).0, Fault::Machine);
        assert_eq!(verdict(&slow, &[]).0, Fault::Command);
    }

    #[test]
    fn a_command_that_is_not_taken_is_at_fault() {
        for said in [
            &[][..],
            &["Couldn't start host: OAuth error."],
            &["Couldn't start host: Permission denied."],
            &["/etc/opt/chrome/x: No such file or directory", "Couldn't start host: OAuth error."],
            &["Network error", "invalid_grant"],
        ] {
            let (fault, sentence) = exited(1, said);
            assert_eq!(fault, Fault::Command, "{said:?}");
            assert!(sentence.contains("get a new one"), "{sentence}");
        }
    }
}
