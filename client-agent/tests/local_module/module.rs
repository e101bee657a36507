use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::json;
use tempfile::TempDir;

/// A copy of the module with a state and VM folders of its own; whatever runs at the end of a
/// test is removed.
pub struct Module(pub TempDir);

impl Module {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../terraform/local");
        for part in ["", "tests"] {
            fs::create_dir_all(folder.path().join(part)).unwrap();
            for entry in fs::read_dir(source.join(part)).unwrap().flatten() {
                if entry.file_type().unwrap().is_file() {
                    let copy = folder.path().join(part).join(entry.file_name());
                    fs::copy(entry.path(), copy).unwrap();
                }
            }
        }
        Self(folder)
    }

    /// Initialised, with agents that talk to `allocator`.
    pub fn for_terraform() -> Self {
        let module = Self::new();
        module.terraform("", &["init"], &[]);
        module
    }

    pub fn terraform(
        &self,
        allocator: &str,
        arguments: &[&str],
        tokens: &[(&str, &str)],
    ) -> Output {
        let tokens: BTreeMap<_, _> = tokens.iter().copied().collect();
        let output = self
            .command("terraform")
            .args(arguments)
            .arg("-no-color")
            .envs([("CHECKPOINT_DISABLE", "1"), ("TF_IN_AUTOMATION", "1"), ("TF_INPUT", "0")])
            .env("TF_VAR_local_dir", self.vms())
            .env("TF_VAR_agent_program", env!("CARGO_BIN_EXE_lablink-client"))
            .env("TF_VAR_allocator_url", allocator)
            .env("TF_VAR_subject_software", "")
            .env("TF_VAR_enrolment_tokens", serde_json::to_string(&tokens).unwrap())
            .output()
            .expect("these tests need terraform in PATH");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        output
    }

    /// Applies with VMs `vm-1` to `vm-{count}`.
    pub fn apply(&self, allocator: &str, count: usize, tokens: &[(&str, &str)]) {
        self.terraform(allocator, &["apply", "-auto-approve", &vms(count)], tokens);
    }

    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.0.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.0.path())
            .stdin(Stdio::null());
        command
    }

    pub fn vm_sh(&self, verb: &str, folder: &Path) -> Output {
        self.command("./vm.sh").arg(verb).arg(folder).output().unwrap()
    }

    /// Starts a VM whose agent is `script`, without Terraform.
    pub fn start_script(&self, hostname: &str, script: &str) {
        let agent = self.0.path().join("agent");
        fs::write(&agent, format!("#!/bin/sh\n{script}")).unwrap();
        fs::set_permissions(&agent, fs::Permissions::from_mode(0o755)).unwrap();
        let started = self
            .command("./vm.sh")
            .arg("start")
            .arg(self.vm(hostname))
            .envs([("VM_NAME", hostname), ("ALLOCATOR_URL", "http://127.0.0.1:9")])
            .env("LABLINK_AGENT_PROGRAM", agent)
            .output()
            .unwrap();
        assert!(started.status.success(), "{started:?}");
    }

    pub fn vms(&self) -> PathBuf {
        self.0.path().join("vms")
    }

    pub fn vm(&self, hostname: &str) -> PathBuf {
        self.vms().join(hostname)
    }

    pub fn pid(&self, hostname: &str) -> u32 {
        let noted = fs::read_to_string(self.vm(hostname).join("agent.pid")).unwrap();
        noted.split(' ').next().unwrap().parse().unwrap()
    }

    pub fn agent_token(&self, hostname: &str) -> Option<String> {
        fs::read_to_string(self.vm(hostname).join("state/agent-token")).ok()
    }

    /// Processes, of whatever kind, that run for a VM of this module.
    pub fn running(&self) -> Vec<u32> {
        let folder = self.vms();
        let ours = |pid: &u32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            String::from_utf8_lossy(&environment).contains(folder.to_str().unwrap()) && runs(*pid)
        };
        let pids = fs::read_dir("/proc").unwrap().flatten();
        pids.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(ours).collect()
    }
}

impl Drop for Module {
    fn drop(&mut self) {
        let listed = self.vm_sh("list", &self.vms()).stdout;
        for hostname in String::from_utf8_lossy(&listed).lines() {
            self.vm_sh("remove", &self.vm(hostname));
        }
    }
}

pub fn vms(count: usize) -> String {
    let vms: BTreeMap<_, _> =
        (1..=count).map(|number| (format!("vm-{number}"), json!({"number": number}))).collect();
    format!("-var=vms={}", serde_json::to_string(&vms).unwrap())
}

/// Whether the process is there and no zombie.
pub fn runs(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap().starts_with('Z'))
}

pub fn until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(10), "not within 10 s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
