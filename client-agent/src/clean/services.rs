//! What would start programs of the account again.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use super::{
    failure::{Doing as _, Failure},
    processes,
};
use crate::desktop::Account;

const LIMIT: Duration = Duration::from_secs(10);

/// Ends the account's services and its session, where there is systemd. What can't be ended so
/// shows in the processes.
pub fn stop(account: &Account) {
    if !Path::new("/run/systemd/system").is_dir() {
        return;
    }
    let name = &*account.name;
    let desktop = format!("chrome-remote-desktop@{name}.service");
    run("/usr/bin/systemctl", &["--quiet", "disable", "--now", &desktop]);
    run("/usr/bin/loginctl", &["disable-linger", name]);
    run("/usr/bin/loginctl", &["terminate-user", name]);
}

fn run(program: &str, arguments: &[&str]) {
    let spawned = Command::new(program)
        .args(arguments)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Ok(child) = spawned {
        processes::reap(child, LIMIT);
    }
}

/// Removes what cron and at would start, and the mail that they have sent.
pub fn forget_jobs(account: &Account) -> Result<(), Failure> {
    for folder in ["/var/spool/cron/crontabs", "/var/spool/cron", "/var/mail", "/var/spool/mail"] {
        let file = Path::new(folder).join(&account.name);
        if fs::symlink_metadata(&file).is_ok_and(|meta| !meta.is_dir()) {
            fs::remove_file(&file).doing_if_there("can't remove", &file)?;
        }
    }
    for folder in ["/var/spool/cron/atjobs", "/var/spool/at", "/var/spool/atjobs"] {
        remove_owned(account, Path::new(folder))?;
    }
    Ok(())
}

/// Removes what lies in memory: it would be taken from the next participant.
pub fn forget_memory(account: &Account) -> Result<(), Failure> {
    remove_owned(account, Path::new("/dev/shm"))?;
    remove_owned(account, Path::new("/dev/mqueue"))?;
    let runtime = account.runtime_dir();
    fs::remove_dir_all(&runtime).doing_if_there("can't remove", &runtime).map(drop)
}

fn remove_owned(account: &Account, folder: &Path) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        // This is about a link itself, not its target. Removing follows no link either.
        let Ok(meta) = entry.metadata() else { continue };
        if meta.uid() != account.uid {
            continue;
        }
        let removed =
            if meta.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.doing_if_there("can't remove", &path)?;
    }
    Ok(())
}
