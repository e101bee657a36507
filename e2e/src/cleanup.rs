use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::processes_of;

/// Ends every process of this folder, by pid, until nothing is left: at once, except the embedded
/// Postgres of that data directory, which killed would leave its shared memory behind.
pub fn end_everything_in(folder: &Path, data_dir: &Path) {
    // Noted in the file that goes with the server.
    let noted = fs::read_to_string(data_dir.join("postgres/postmaster.pid")).unwrap_or_default();
    let socket_dir = noted.lines().nth(4).map(PathBuf::from);
    let deadline = Instant::now() + Duration::from_secs(10);
    while let Ok(running) = processes_of(folder)
        && !running.is_empty()
        && Instant::now() < deadline
    {
        let postgres = postgres(data_dir);
        for process in running {
            if process.command_line.starts_with("postgres:") {
                continue;
            }
            if Some(Pid::from_raw(process.pid)) == postgres {
                let _gone = kill(Pid::from_raw(process.pid), Signal::SIGQUIT);
            } else {
                process.kill();
            }
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    if let Some(dir) = socket_dir {
        let _others = fs::remove_dir(dir);
    }
}

fn postgres(data_dir: &Path) -> Option<Pid> {
    let noted = fs::read_to_string(data_dir.join("postgres/postmaster.pid")).ok()?;
    Some(Pid::from_raw(noted.lines().next()?.trim().parse().ok()?))
}
