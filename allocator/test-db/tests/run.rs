//! The program `test-db`, each time with a temporary folder of its own.
#![expect(clippy::unwrap_used, reason = "what the tests share fails as a test does")]

use std::{
    fs::{self, Permissions},
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    process::{Child, Command, Stdio},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

struct Temp(TempDir);

impl Temp {
    fn new() -> Self {
        let open = Permissions::from_mode(0o755);
        Self(tempfile::Builder::new().permissions(open).tempdir().unwrap())
    }

    fn run(&self, script: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_test-db"));
        command.args(["run", "--", "sh", "-c", script]);
        command.env("TMPDIR", self.0.path()).env_remove("LABLINK_TEST_DATABASE_URL");
        command
    }

    /// Starts a run and waits for the first line that its script prints.
    fn start(&self, script: &str) -> (Child, String) {
        let mut child =
            self.run(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        (child, line)
    }

    fn is_empty(&self) -> bool {
        fs::read_dir(self.0.path()).unwrap().next().is_none()
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(child.id().try_into().unwrap())
}

#[test]
fn the_command_gets_a_url_and_gives_the_status() {
    let temp = Temp::new();
    let script = r#"case "$LABLINK_TEST_DATABASE_URL" in postgresql://*) exit 7;; esac"#;
    assert_eq!(temp.run(script).status().unwrap().code(), Some(7));
    assert!(temp.is_empty());
}

#[test]
fn a_signal_reaches_the_command_and_the_cluster_goes() {
    let temp = Temp::new();
    let script = "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done";
    let (mut run, _) = temp.start(script);
    kill(pid(&run), Signal::SIGTERM).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(3));
    assert!(temp.is_empty());
}

#[test]
fn a_killed_run_is_cleaned_up_by_the_next_and_a_live_one_is_not() {
    let temp = Temp::new();
    let url = r#"echo "$LABLINK_TEST_DATABASE_URL"; read end"#;
    let (mut dead, _) = temp.start(url);
    let server = temp.0.path().read_dir().unwrap().next().unwrap().unwrap().path();
    dead.kill().unwrap();
    dead.wait().unwrap();
    assert!(server.join("data/postgres/postmaster.pid").exists());

    let (mut live, url) = temp.start("echo \"$LABLINK_TEST_DATABASE_URL\"; read end");
    assert!(!server.exists());
    assert!(temp.run("true").status().unwrap().success());
    let config: tokio_postgres::Config = url.trim().parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    assert!(runtime.block_on(config.connect(tokio_postgres::NoTls)).is_ok());
    // It ends when it is told to, not when some time has passed.
    writeln!(live.stdin.take().unwrap(), "end").unwrap();
    assert!(live.wait().unwrap().success());
    assert!(temp.is_empty());
}
