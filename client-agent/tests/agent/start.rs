//! The start script of the client's container, with the built agent.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};
use serde_json::json;
use tokio::process::{Child, Command};

use crate::{
    allocator::{Allocator, Told},
    throw_away::ThrowAway,
    vm::{STAYS, Vm, runs, until},
};

struct Container {
    vm: Vm,
}

impl Container {
    fn new() -> Self {
        Self { vm: Vm::with_remote_desktop(STAYS) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.vm.home().join(name)
    }

    fn command(&self, allocator: &str) -> Command {
        let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/start/lablink-start"));
        let output = fs::File::create(self.path("output")).unwrap();
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.vm.home())
            .env("ALLOCATOR_URL", allocator)
            .env("VM_NAME", "lablink-vm-test-1")
            .env("SUBJECT_SOFTWARE", "")
            .env("LABLINK_NVML", "libno-such-library.so")
            .env("LABLINK_AGENT_PROGRAM", env!("CARGO_BIN_EXE_lablink-client"))
            .env("LABLINK_AGENT_DIR", self.vm.state())
            .env("LABLINK_STARTUP_SCRIPT", self.path("custom-startup.sh"))
            .env("LABLINK_STARTUP_PAUSE", "0")
            .env("LABLINK_ENROLMENT_TOKEN", "for-the-agent-alone")
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .kill_on_drop(true);
        command
    }

    fn startup_script(&self, script: &str) {
        fs::write(self.path("custom-startup.sh"), script).unwrap();
    }

    fn output(&self) -> String {
        fs::read_to_string(self.path("output")).unwrap()
    }
}

/// The running script; at the end of a test all that it started is ended with it.
struct Started(Child);

impl Started {
    fn of(command: &mut Command) -> Self {
        Self(command.process_group(0).spawn().unwrap())
    }

    /// As `docker stop` does.
    async fn stop(mut self) {
        kill(self.pid(), Signal::SIGTERM).unwrap();
        let status = tokio::time::timeout(Duration::from_secs(5), self.0.wait()).await;
        assert!(status.expect("no stop within 5 s").unwrap().success());
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.0.id().unwrap().try_into().unwrap())
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if self.0.id().is_some() {
            let _gone = killpg(self.pid(), Signal::SIGKILL);
        }
    }
}

fn waits(told: &Told) -> bool {
    !told.bodies("/vm_startup").is_empty()
}

async fn exit_code(mut started: Started) -> Option<i32> {
    let status = tokio::time::timeout(Duration::from_secs(20), started.0.wait()).await;
    status.unwrap().unwrap().code()
}

/// The agent that the script runs.
fn agent_of(started: &Started) -> Option<i32> {
    let children = format!("/proc/{0}/task/{0}/children", started.0.id()?);
    let is_agent = |id: &&str| {
        fs::read(Path::new("/proc").join(id).join("comm")).is_ok_and(|it| it == b"lablink-client\n")
    };
    fs::read_to_string(children).ok()?.split_whitespace().find(is_agent)?.parse().ok()
}

#[tokio::test]
async fn repository_and_script_come_before_the_agent_which_tells_how_long_they_took() {
    let allocator = Allocator::start().await;
    let container = Container::new();
    container.startup_script(
        "echo \"prepared, token: $LABLINK_ENROLMENT_TOKEN\"; ls \"$HOME/Desktop/lessons\"",
    );
    let repository = container.path("lessons.git");
    let made = std::process::Command::new("sh")
        .args([
            "-ec",
            "git init -q -b main $0; cd $0; echo hi > one.txt; git add .; \
            git -c user.name=x -c user.email=x@x commit -qm one",
        ])
        .arg(&repository)
        .status();
    assert!(made.unwrap().success());
    let mut command = container.command(&allocator.url);
    let started = Started::of(command.env("TUTORIAL_REPO_TO_CLONE", &repository));
    allocator.told("the wait", waits).await;
    let output = container.output();
    assert!(output.contains("prepared, token: \none.txt\n"), "{output}");
    let log = fs::read_to_string(container.path("logs/start.log")).unwrap();
    assert!(log.contains("prepared") && !log.contains("reported as running"), "{log}");
    let times = "/api/vm-metrics/lablink-vm-test-1";
    let told = allocator.told("times", |told| !told.bodies(times).is_empty()).await;
    assert!(told.bodies(times)[0]["container_start_time"].is_u64());
    // The agent sends what the script said.
    let says = |told: &Told| {
        let sent = format!("{:?}", told.bodies("/api/vm-logs"));
        sent.contains("prepared, token: ") && sent.contains("starting the agent")
    };
    allocator.told("the script's lines", says).await;

    let agent = agent_of(&started).unwrap();
    started.stop().await;
    assert!(!runs(agent), "the agent must end with the container");
}

#[tokio::test]
async fn a_failing_script_is_passed_over_unless_it_must_not_fail() {
    let allocator = Allocator::start().await;
    let container = Container::new();
    container.startup_script("exit 3");
    let started = Started::of(&mut container.command(&allocator.url));
    allocator.told("the wait", waits).await;
    assert!(container.output().contains("failed with exit status 3: going on"));
    started.stop().await;

    let strict = Container::new();
    strict.startup_script("exit 3");
    let mut command = strict.command(&allocator.url);
    let started = Started::of(command.env("STARTUP_ON_ERROR", "fail"));
    assert_eq!(exit_code(started).await, Some(3));
    assert_eq!(strict.output().matches("running ").count(), 3, "{}", strict.output());
    let error = json!({"hostname": "lablink-vm-test-1", "status": "error"});
    let told = allocator.told("now", |_| true).await;
    assert_eq!(told.bodies("/api/vm-status").last(), Some(&&error));
}

#[tokio::test]
async fn a_failing_script_is_tried_again_until_its_check_is_content() {
    let allocator = Allocator::start().await;
    let container = Container::new();
    // It ends badly at first, and then well without having done its work.
    container.startup_script("echo >>\"$HOME/tries\"; test \"$(wc -l <\"$HOME/tries\")\" -ge 2");
    let mut command = container.command(&allocator.url);
    command.env("STARTUP_ATTEMPTS", "4");
    command.env("STARTUP_SUCCESS_CHECK", "test \"$(wc -l <\"$HOME/tries\")\" -ge 3");
    let started = Started::of(&mut command);
    allocator.told("the wait", waits).await;
    let output = container.output();
    let tries = fs::read_to_string(container.path("tries")).unwrap();
    assert_eq!(tries.lines().count(), 3, "{output}");
    assert!(output.contains("failed with exit status 1: trying again"), "{output}");
    assert!(output.contains("ended well, but its success_check did not"), "{output}");
    assert!(output.contains("the startup script succeeded"), "{output}");
    let run = json!({"startup_script": {"attempts": 3, "exit_status": 0}});
    let metrics = "/api/vm-metrics/lablink-vm-test-1";
    allocator.told("how it went", |told| told.bodies(metrics).contains(&&run)).await;
    started.stop().await;
}

#[tokio::test]
async fn a_repository_that_can_not_be_cloned_is_passed_over() {
    let allocator = Allocator::start().await;
    for (repository, says) in [
        ("/no/such/repository", "could not be cloned: going on without"),
        ("https://example.org/..", "names no repository"),
        ("None", "ready after"),
    ] {
        let container = Container::new();
        let mut command = container.command(&allocator.url);
        let started = Started::of(command.env("TUTORIAL_REPO_TO_CLONE", repository));
        until("the agent starts", || container.output().contains("starting the agent")).await;
        assert!(container.output().contains(says), "{repository}: {}", container.output());
        until("the agent runs", || agent_of(&started).is_some()).await;
        started.stop().await;
    }
}

#[tokio::test]
async fn an_agent_that_dies_is_started_again() {
    let allocator = Allocator::start().await;
    let container = Container::new();
    let started = Started::of(&mut container.command(&allocator.url));
    allocator.told("the wait", waits).await;
    let agent = agent_of(&started).unwrap();
    kill(Pid::from_raw(agent), Signal::SIGKILL).unwrap();
    let again = |told: &Told| told.bodies("/vm_startup").len() == 2;
    allocator.told("the second agent", again).await;
    assert!(container.output().contains("starting it again in 1 s"), "{}", container.output());
    started.stop().await;
}

#[tokio::test]
async fn a_stop_ends_a_script_that_hangs() {
    let allocator = Allocator::start().await;
    let container = Container::new();
    container.startup_script("echo $$ > \"$HOME/script\"; exec sleep 60");
    let started = Started::of(&mut container.command(&allocator.url));
    until("the script runs", || container.path("script").exists()).await;
    started.stop().await;
    let script = fs::read_to_string(container.path("script")).unwrap();
    assert!(!runs(script.trim().parse().unwrap()));
}

/// A machine whose programs are its own, as a container's are, with one that makes root of everybody.
const WITH_SUDO: &str = r#"
set -e
mount -t tmpfs tmpfs /mnt
for folder in usr var; do
    mkdir -p /mnt/$folder/upper /mnt/$folder/work
    mount -t overlay overlay -o lowerdir=/$folder,upperdir=/mnt/$folder/upper,workdir=/mnt/$folder/work /$folder
done
cp /usr/bin/id /usr/bin/sudo
chmod 4755 /usr/bin/sudo
exec "$@"
"#;

/// Started as root, the agent's token and state are out of the participant's reach, and sudo is gone
/// after the startup script, unless somebody wants it to stay: then the agent says so.
#[tokio::test]
async fn as_root_the_desktops_account_reads_no_token_and_loses_sudo_after_the_startup_script() {
    let mut trial = Command::new("unshare");
    trial.args(["--mount", "sh", "-c", WITH_SUDO, "sh", "true"]).stderr(Stdio::null());
    if !trial.status().await.is_ok_and(|status| status.success()) {
        eprintln!(
            "skipped: a machine with programs of its own needs root, and file systems to mount"
        );
        return;
    }
    for (keep, says) in [("take", None), ("keep", Some("can become root"))] {
        let Some(user) = ThrowAway::new(STAYS) else { return };
        let allocator = Allocator::start().await;
        allocator.require("for-the-agent-alone", "agent-secret");
        let container = Container { vm: Vm::with_remote_desktop(STAYS) };
        let script = user.vm.state().with_file_name("custom-startup.sh");
        fs::write(
            &script,
            "id -un >~/who; sudo >~/rights; echo \"$LABLINK_ENROLMENT_TOKEN\" >~/env",
        )
        .unwrap();
        let plain = container.command(&allocator.url);
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-c", WITH_SUDO, "sh"])
            .arg(plain.as_std().get_program())
            .env_clear()
            .envs(plain.as_std().get_envs().filter_map(|(name, value)| Some((name, value?))))
            .env("LABLINK_DESKTOP_USER", &user.name)
            .env("LABLINK_DESKTOP_SUDO", keep)
            .env("LABLINK_STARTUP_SCRIPT", &script)
            .env("LABLINK_AGENT_DIR", user.vm.state())
            .env("LABLINK_REMOTE_DESKTOP", user.vm.state().with_file_name("start-host"))
            .stdin(Stdio::null())
            .stdout(fs::File::create(container.path("output")).unwrap())
            .kill_on_drop(true);
        let started = Started::of(&mut command);
        let beat = "/api/agent/heartbeat";
        let told = allocator.told("a heartbeat", |told| !told.bodies(beat).is_empty()).await;
        let token = &told.bodies(beat)[0]["token"];
        match says {
            None => assert_eq!(*token, "safe", "{}", container.output()),
            Some(words) => assert!(token["exposed"].as_str().unwrap().contains(words), "{token}"),
        }
        let text = |name| fs::read_to_string(user.home().join(name)).unwrap();
        assert_eq!(text("who").trim(), user.name);
        assert!(text("rights").contains("euid=0"), "the startup script may have it");
        assert_eq!(text("env"), "\n");

        let agent = agent_of(&started).unwrap();
        let state = user.vm.state();
        assert_eq!(fs::read_to_string(state.join("agent-token")).unwrap(), "agent-secret");
        // As the account, on the machine that the agent sees.
        let tries = format!(
            "sudo; for it in {0} {0}/agent-token /proc/{agent}/environ /var/log/lablink; do
                 if cat $it || ls $it/; then echo reads $it; fi
             done; id -un",
            state.display()
        );
        let tried = std::process::Command::new("nsenter")
            .args([&format!("--mount=/proc/{agent}/ns/mnt"), "setpriv"])
            .args([format!("--reuid={}", user.uid), format!("--regid={}", user.gid)])
            .args(["--clear-groups", "sh", "-c", &tries])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&tried.stdout).into_owned();
        assert!(said.ends_with(&format!("{}\n", user.name)), "{said}");
        assert!(!said.contains("reads "), "{said}");
        assert_eq!(said.contains("euid=0"), says.is_some(), "{said}");
        let marker = format!("/proc/{agent}/root/var/lib/lablink-start/prepared");
        assert_eq!(Path::new(&marker).exists(), says.is_none());
        allocator.claim(user.claim, 1);
        assert_eq!(allocator.results(1).await[0]["outcome"], "connected");
        assert!(text("calls").contains("654321"), "the desktop is its account's");
        started.stop().await;
    }
}
