use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::unistd::getuid;
use tokio::process::Command as AsyncCommand;

use crate::vm::Vm;

/// An account of this machine that goes with the test, with what it left, and the VM whose desktop
/// it is.
pub struct ThrowAway {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    /// A number that no other test's claims have.
    pub claim: i64,
    pub vm: Vm,
}

impl ThrowAway {
    /// None where this is not root, who alone can make one.
    pub fn new(remote_desktop: &str) -> Option<Self> {
        if !getuid().is_root() {
            eprintln!("skipped: cleaning an account for real needs root");
            return None;
        }
        let number: u32 = rand::random::<u32>() >> 1;
        let name = format!("lablink-test-{number:08x}");
        let base = Path::new("/home").join(&name);
        fs::create_dir(&base).unwrap();
        let made = Command::new("useradd")
            .args(["--create-home", "--shell", "/bin/sh", "-K", "SUB_UID_COUNT=0"])
            .args(["-K", "SUB_GID_COUNT=0", "--home-dir"])
            .arg(base.join("home"))
            .arg(&name)
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let home = fs::metadata(base.join("home")).unwrap();
        let vm = Vm::with_remote_desktop(remote_desktop);
        // The desktop's program runs as somebody else.
        let folder = vm.state().parent().unwrap().to_owned();
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
        let (uid, gid, claim) = (home.uid(), home.gid(), i64::from(number));
        Some(Self { name, uid, gid, claim, vm })
    }

    pub fn base(&self) -> PathBuf {
        Path::new("/home").join(&self.name)
    }

    pub fn home(&self) -> PathBuf {
        self.base().join("home")
    }

    fn marker(&self) -> PathBuf {
        self.vm.state().with_file_name("marker")
    }

    /// What the installer notes of an account that it has made.
    pub fn mark(&self, uid: u32) {
        let text = format!("user={}\nuid={uid}\nhome={}\n", self.name, self.home().display());
        fs::write(self.marker(), text).unwrap();
    }

    /// The agent that shares this account's desktop.
    pub fn agent(&self, allocator: &str) -> AsyncCommand {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.vm.log()).unwrap();
        let mut command = AsyncCommand::new(env!("CARGO_BIN_EXE_lablink-client"));
        command
            .args(["run", "--allocator-url", allocator, "--hostname", "lablink-vm-test-1"])
            .args(["--desktop-user", &self.name, "--desktop-marker"])
            .arg(self.marker())
            .arg("--state-dir")
            .arg(self.vm.state())
            .arg("--remote-desktop")
            .arg(self.vm.state().with_file_name("start-host"))
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

    /// Runs a script as the account.
    pub fn run(&self, script: &str) {
        let ran = self.start(script).wait().unwrap();
        assert!(ran.success(), "{script}");
    }

    pub fn start(&self, script: &str) -> Child {
        Command::new("/bin/sh")
            .args(["-c", script])
            .uid(self.uid)
            .gid(self.gid)
            .current_dir("/")
            .env("HOME", self.home())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// The processes of the account that are alive.
    pub fn processes(&self) -> usize {
        let uid = format!("Uid:\t{}\t", self.uid);
        let status = |entry: fs::DirEntry| fs::read_to_string(entry.path().join("status")).ok();
        let alive = |status: &String| status.contains(&uid) && !status.contains("State:\tZ");
        fs::read_dir("/proc").unwrap().flatten().filter_map(status).filter(alive).count()
    }

    /// The folders in which the account's files were put aside.
    pub fn kept(&self, area: &Path, claim: i64) -> Vec<PathBuf> {
        let prefix = format!("lablink-kept-{claim}-");
        let entries = fs::read_dir(area).unwrap().flatten();
        let ours = entries.filter(|it| it.file_name().to_string_lossy().starts_with(&prefix));
        ours.map(|entry| entry.path()).collect()
    }
}

impl Drop for ThrowAway {
    fn drop(&mut self) {
        // An agent that has just been killed may have started one more.
        let removed = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            let kill_all = Command::new("/bin/sh")
                .args(["-c", "kill -KILL -1"])
                .uid(self.uid)
                .stderr(Stdio::null())
                .status();
            let removed = Command::new("userdel").arg(&self.name).stderr(Stdio::null()).status();
            kill_all.is_ok() && removed.is_ok_and(|status| status.success())
        });
        let gone = fs::remove_dir_all(self.base());
        let areas = ["/tmp", "/var/tmp"].map(Path::new);
        let kept = areas.iter().flat_map(|area| self.kept(area, self.claim));
        let aside: Vec<_> = kept.map(fs::remove_dir_all).collect();
        if !std::thread::panicking() {
            assert!(removed && gone.is_ok() && aside.iter().all(Result::is_ok));
        }
    }
}
