//! Why a script could not be run on a VM, in words for the organiser.

use std::process::ExitStatus;

use super::{Machine, Reach};

/// The most of a program's last words that is kept, in bytes.
pub(crate) const LONGEST: usize = 2048;

/// The exit code of `ssh` when `ssh` itself has failed (its manual, EXIT STATUS).
const SSH_FAILED: i32 = 255;

/// The sentence for a program that did not end well. `said` is what it wrote to standard error.
pub(crate) fn sentence(machine: &Machine, status: ExitStatus, said: &[u8]) -> String {
    let said = plain(said);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().trim();
    match &machine.reach {
        Reach::Ssh { access, .. } if status.code() == Some(SSH_FAILED) => {
            let (address, port) = (&access.address, access.port);
            if said.contains("Host key verification failed") {
                return CHANGED.to_owned();
            }
            if said.contains("Permission denied (") {
                return format!(
                    "it refuses LabLink's SSH key for the user {}: check that the key belongs to \
                     this machine",
                    access.login
                );
            }
            if said.contains("Load key ") || said.contains("error in libcrypto") {
                return "its SSH key can't be used: give a key that ssh can read".to_owned();
            }
            let detail = last.rsplit(": ").next().unwrap_or_default();
            format!("it could not be reached at {address}, port {port}: {detail}")
        }
        Reach::Ssh { .. } | Reach::Here(_) | Reach::None(_) if last.is_empty() => {
            format!("it ended with {status} and gave no reason")
        }
        Reach::Ssh { .. } | Reach::Here(_) | Reach::None(_) => last.to_owned(),
    }
}

/// A key that differs from the first one.
pub(crate) const CHANGED: &str = "its SSH host key is not the one that it showed at first contact, \
    so nothing was sent to it. Either the machine was installed anew, or another one answers at its \
    address. If you know that it was installed anew, let LabLink forget its old key, on the page of \
    the VM, and try again";

/// What a program said, as text that can be shown.
pub(crate) fn plain(said: &[u8]) -> String {
    lablink_core::plain(String::from_utf8_lossy(said).trim_end()).into_owned()
}
