use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::Result;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// A process that belongs to a deployment.
#[derive(Clone, Debug)]
pub struct Process {
    pub pid: i32,
    /// Its arguments, joined by spaces.
    pub command_line: String,
}

impl Process {
    /// Ends it without any warning. One that is gone already is none of our business.
    pub fn kill(&self) {
        let _gone = kill(Pid::from_raw(self.pid), Signal::SIGKILL);
    }
}

/// Every live process that was started with, or works in, this folder, whatever its parent is now.
/// The folder's name is random, so nobody else's processes name it.
pub fn processes_of(folder: &Path) -> Result<Vec<Process>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if let Some(command_line) = command_line_if_of(&entry.path(), folder) {
            found.push(Process { pid, command_line });
        }
    }
    Ok(found)
}

/// A process that ends under our eyes, or that we may not look at, is not one of ours.
fn command_line_if_of(process: &Path, folder: &Path) -> Option<String> {
    let text = |name: &str| {
        let bytes = fs::read(process.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\0', " ").trim_end().to_owned()
    };
    let command_line = text("cmdline");
    let name = folder.to_str()?;
    let works_there = || {
        let directory: PathBuf = fs::read_link(process.join("cwd")).unwrap_or_default();
        directory.starts_with(folder)
    };
    let is_ours = command_line.contains(name) || text("environ").contains(name) || works_there();
    is_ours.then_some(command_line)
}

#[cfg(test)]
mod tests {
    use std::{
        process::{Child, Command, Stdio},
        thread,
        time::{Duration, Instant},
    };

    use super::*;

    /// Ends with the test, whatever the test finds.
    struct Running(Child);

    impl Running {
        fn start(command: &mut Command) -> Self {
            Self(command.stdout(Stdio::null()).spawn().unwrap())
        }
    }

    impl Drop for Running {
        fn drop(&mut self) {
            let _gone = self.0.kill();
            let _ended = self.0.wait();
        }
    }

    /// A program that was started a moment ago may still stand in `/proc` without arguments.
    fn found_at_last(folder: &Path) -> Vec<Process> {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let found = processes_of(folder).unwrap();
            if !found.is_empty() || Instant::now() > deadline {
                return found;
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn finds_a_process_by_its_environment_arguments_or_folder_and_ends_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::write(path.join("log"), "").unwrap();
        let mut by_environment = Command::new("sleep");
        by_environment.arg("600").env("PLACE", path.join("x"));
        let mut by_folder = Command::new("sleep");
        by_folder.arg("600").current_dir(path);
        let mut by_argument = Command::new("tail");
        by_argument.arg("-f").arg(path.join("log"));
        for mut command in [by_environment, by_folder, by_argument] {
            let mut running = Running::start(&mut command);
            let found = found_at_last(path);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(u32::try_from(found[0].pid).unwrap(), running.0.id());
            found[0].kill();
            running.0.wait().unwrap();
            assert!(processes_of(path).unwrap().is_empty());
        }
    }
}
