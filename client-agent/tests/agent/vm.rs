use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

/// Registers the machine and stays, as the stand-in of `terraform/local` does.
pub const STAYS: &str = r#"
read first; read second
printf '%s\n' "$@" "$first" "$second" "$DISPLAY" "$LABLINK_ENROLMENT_TOKEN" >> "$HOME/calls"
mkdir -p "$HOME/.config/chrome-remote-desktop"
echo $$ >> "$HOME/pids"
echo $$ > "$HOME/.config/chrome-remote-desktop/host#1.json"
exec sleep 60
"#;

/// Registers the machine and fails then, as the real one does where there is no systemd.
pub const REGISTERS_AND_FAILS: &str = r#"
mkdir -p "$HOME/.config/chrome-remote-desktop"
echo {} > "$HOME/.config/chrome-remote-desktop/host#1.json"
exit 1
"#;

pub const REFUSES: &str = r#"
read first
echo "trying" >&2
echo "OAuth error for $1, PIN $first" >&2
exit 3
"#;

/// The folder of a VM, and the agent's process on it.
pub struct Vm {
    folder: TempDir,
    program: PathBuf,
}

impl Vm {
    pub fn with_remote_desktop(script: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("start-host");
        fs::write(&program, format!("#!/bin/sh\n{script}")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(folder.path().join("home")).unwrap();
        Self { folder, program }
    }

    pub fn without_remote_desktop() -> Self {
        let vm = Self::with_remote_desktop("");
        fs::remove_file(&vm.program).unwrap();
        vm
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    pub fn agent(&self, allocator: &str) -> Command {
        self.agent_of(env!("CARGO_BIN_EXE_lablink-client"), allocator)
    }

    /// The agent of another build.
    pub fn agent_of(&self, program: impl AsRef<OsStr>, allocator: &str) -> Command {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.log()).unwrap();
        let mut command = Command::new(program);
        command
            .args(["run", "--allocator-url", allocator, "--hostname", "lablink-vm-test-1"])
            .arg("--state-dir")
            .arg(self.state())
            .arg("--remote-desktop")
            .arg(&self.program)
            .arg("--home")
            .arg(self.home())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("SUBJECT_SOFTWARE", "")
            .env("LABLINK_NVML", "libno-such-library.so")
            .env("LABLINK_SHIP_LOGS", "never")
            .env("RUST_LOG", "debug")
            .stdin(Stdio::null())
            .stderr(log)
            .kill_on_drop(true);
        command
    }

    /// Another command than `run`, on this VM.
    pub fn command(&self, name: &str, allocator: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lablink-client"));
        command
            .args([name, "--allocator-url", allocator, "--hostname", "lablink-vm-test-1"])
            .arg("--state-dir")
            .arg(self.state())
            .env_clear()
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Puts Chrome Remote Desktop's own program beside start-host.
    pub fn add_session_program(&self, script: &str) {
        let program = self.program.with_file_name("chrome-remote-desktop");
        fs::write(&program, format!("#!/bin/sh\n{script}")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub fn log(&self) -> PathBuf {
        self.folder.path().join("agent.log")
    }

    /// What the log must never hold: the code and PIN of [`crate::allocator::Allocator::claim`],
    /// and every token of the tests, which all hold this word.
    pub fn assert_log_holds_no_secret(&self) {
        let log = fs::read_to_string(self.log()).unwrap();
        for secret in ["4/0Abc-def", "654321", "secret"] {
            assert!(!log.contains(secret), "{secret} in {log}");
        }
    }

    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.home().join(name)).unwrap_or_default()
    }

    /// The processes that [`STAYS`] became, in order.
    pub fn pids(&self) -> Vec<i32> {
        self.text("pids").lines().map(|line| line.parse().unwrap()).collect()
    }
}

pub fn runs(pid: i32) -> bool {
    kill(Pid::from_raw(pid), None).is_ok()
}

/// Ends the agent as a service manager does, and expects that it obeys within 2 s.
pub async fn stop(mut agent: Child) {
    kill(Pid::from_raw(agent.id().unwrap().try_into().unwrap()), Signal::SIGTERM).unwrap();
    let status = timeout(Duration::from_secs(2), agent.wait()).await.expect("no stop within 2 s");
    assert!(status.unwrap().success());
}

pub async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..500 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("not within 10 s: {what}");
}

pub fn mode(file: &Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o777
}
