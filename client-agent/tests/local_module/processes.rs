use std::{fs, os::unix::fs::PermissionsExt as _, process::Command};

use crate::module::{Module, runs, until};

#[test]
fn a_stopped_vm_starts_again_with_what_is_stored_and_start_twice_is_start_once() {
    let module = Module::new();
    module
        .start_script("vm-1", "echo \"$ALLOCATOR_URL $HOME\" >> \"$HOME/started\"; exec sleep 60");
    let (folder, first) = (module.vm("vm-1"), module.pid("vm-1"));
    assert!(module.vm_sh("start", &folder).status.success());
    assert_eq!(module.running(), [first]);
    assert_eq!(module.vm_sh("status", &folder).stdout, b"running\n");

    assert!(module.vm_sh("stop", &folder).status.success());
    assert!(module.vm_sh("stop", &folder).status.success());
    assert_eq!(module.vm_sh("status", &folder).status.code(), Some(3));
    assert_eq!(module.running(), [0; 0]);

    assert!(module.vm_sh("start", &folder).status.success());
    assert_eq!(module.running(), [module.pid("vm-1")]);
    let started = fs::read_to_string(folder.join("home/started")).unwrap();
    let line = format!("http://127.0.0.1:9 {}/home\n", folder.display());
    assert_eq!(started, line.repeat(2));
}

#[test]
fn stop_ends_the_whole_session_even_of_those_that_ignore_term() {
    let module = Module::new();
    module.start_script("vm-1", "trap '' TERM; sleep 61 & sleep 62 & sleep 63");
    assert_eq!(module.running().len(), 4);
    assert!(module.vm_sh("stop", &module.vm("vm-1")).status.success());
    assert_eq!(module.running(), [0; 0]);
}

#[test]
fn what_an_agent_left_that_was_killed_is_ended_with_the_next_start() {
    let module = Module::new();
    module.start_script("vm-1", "sleep 61 & exec sleep 62");
    assert_eq!(module.running().len(), 2);
    let agent = module.pid("vm-1").to_string();
    assert!(Command::new("kill").args(["-KILL", &agent]).status().unwrap().success());
    until("the agent is gone", || module.running().len() == 1);
    assert!(module.vm_sh("start", &module.vm("vm-1")).status.success());
    assert_eq!(module.running().len(), 2);
}

#[test]
fn a_process_that_got_an_old_agents_number_is_left_alone() {
    let module = Module::new();
    module.start_script("vm-1", "exec sleep 60");
    let folder = module.vm("vm-1");
    assert!(module.vm_sh("stop", &folder).status.success());
    let mut stranger = Command::new("setsid").args(["sleep", "60"]).spawn().unwrap();
    fs::write(folder.join("agent.pid"), format!("{} 1\n", stranger.id())).unwrap();
    assert_eq!(module.vm_sh("status", &folder).stdout, b"stopped\n");
    assert!(module.vm_sh("stop", &folder).status.success());
    assert!(runs(stranger.id()));
    stranger.kill().unwrap();
    stranger.wait().unwrap();
}

#[test]
fn starts_and_removals_at_once_leave_nothing_or_one_agent() {
    let module = Module::new();
    module.start_script("vm-1", "exec sleep 60");
    let folder = module.vm("vm-1");
    std::thread::scope(|scope| {
        for verb in ["start", "remove", "start", "stop", "start", "remove"] {
            scope.spawn(|| module.vm_sh(verb, &folder));
        }
    });
    let noted = folder.join("agent.pid").exists();
    assert_eq!(module.running().len(), usize::from(noted));
}

#[test]
fn a_folder_that_holds_no_vm_is_not_deleted() {
    let module = Module::new();
    let folder = module.vm("papers");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("thesis"), "").unwrap();
    let removed = module.vm_sh("remove", &folder);
    assert!(!removed.status.success());
    let said = String::from_utf8_lossy(&removed.stderr);
    assert!(said.contains("no VM folder"), "{said}");
    assert!(folder.join("thesis").exists());
    fs::remove_dir_all(folder).unwrap();
}

/// An `rm` that gets as far as a VM's settings, and is killed there with who called it.
const KILLED_RM: &str = r#"#!/usr/bin/env bash
if [[ $1 != -rf ]]; then exec /bin/rm "$@"; fi
/bin/rm -f -- "${@: -1}/settings"
kill -KILL "$PPID"
"#;

#[test]
fn a_removal_that_was_killed_is_finished_by_whatever_comes_next() {
    let module = Module::new();
    let bin = module.0.path().join("bin");
    fs::create_dir(&bin).unwrap();
    fs::write(bin.join("rm"), KILLED_RM).unwrap();
    fs::set_permissions(bin.join("rm"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let killed = |hostname: &str| {
        module.start_script(hostname, "exec sleep 60");
        let mut remove = module.command("./vm.sh");
        let removed = remove.env("PATH", &path).arg("remove").arg(module.vm(hostname)).status();
        assert_eq!(removed.unwrap().code(), None, "killed");
        assert!(!module.vm(hostname).exists() && folders(&module) == 1, "half of it is left");
        assert_eq!(module.vm_sh("list", &module.vms()).stdout, b"");
    };
    killed("vm-1");
    assert!(module.vm_sh("remove", &module.vm("vm-1")).status.success());
    assert_eq!(folders(&module), 0);
    killed("vm-1");
    module.start_script("vm-2", "exec sleep 60");
    assert_eq!(folders(&module), 1);
}

#[test]
fn many_are_removed_at_once() {
    let module = Module::new();
    for round in 0..5 {
        let folders: Vec<_> = (0..12).map(|nth| module.vm(&format!("vm-{round}-{nth}"))).collect();
        for folder in &folders {
            fs::create_dir_all(folder).unwrap();
            fs::write(folder.join("settings"), "").unwrap();
        }
        let remove = |folder| module.command("./vm.sh").arg("remove").arg(folder).spawn().unwrap();
        let removals: Vec<_> = folders.iter().map(remove).collect();
        for mut removal in removals {
            assert!(removal.wait().unwrap().success());
        }
        assert!(folders.iter().all(|folder| !folder.exists()));
    }
}

#[test]
fn a_folder_whose_settings_an_earlier_version_lost_is_removed() {
    let module = Module::new();
    module.start_script("lablink-vm-a-1", "exec sleep 60");
    let folder = module.vm("lablink-vm-a-1");
    assert!(module.vm_sh("stop", &folder).status.success());
    fs::remove_file(folder.join("settings")).unwrap();
    fs::write(folder.join("thesis"), "").unwrap();
    assert!(!module.vm_sh("remove", &folder).status.success(), "somebody's file lies there");
    fs::remove_file(folder.join("thesis")).unwrap();
    assert!(module.vm_sh("remove", &folder).status.success());
    assert_eq!(folders(&module), 0);
}

fn folders(module: &Module) -> usize {
    fs::read_dir(module.vms()).unwrap().count()
}
