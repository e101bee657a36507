use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::Path,
    process::Command,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

use crate::{
    allocator::Allocator,
    throw_away::ThrowAway,
    vm::{Vm, mode, until},
};

/// Registers the machine and stays, in its user's own home.
const STAYS: &str = r#"
mkdir -p "$HOME/.config/chrome-remote-desktop"
echo {} > "$HOME/.config/chrome-remote-desktop/host#1.json"
id -un > "$HOME/who"
exec sleep 60
"#;

/// Neither ends when it is asked to, nor stops having children.
const STUBBORN: &str = "trap '' TERM HUP; while :; do sleep 0.02 & wait $!; done";

fn cleaned(claim_id: i64) -> Value {
    json!({"hostname": "lablink-vm-test-1", "claim_id": claim_id, "outcome": "cleaned"})
}

#[tokio::test]
async fn an_agent_whose_desktop_is_its_own_accounts_says_that_it_can_not_clean() {
    let allocator = Allocator::start().await;
    let vm = Vm::with_remote_desktop(STAYS);
    let _agent = vm.agent(&allocator.url).spawn().unwrap();
    allocator.ask_to_clean(7);
    says_that_it_can_not_clean(&allocator, "an account that was there before LabLink").await;
}

async fn says_that_it_can_not_clean(allocator: &Allocator, why: &str) {
    let beat = "/api/agent/heartbeat";
    let told = allocator
        .told("wait and heartbeat", |told| {
            !told.bodies("/vm_startup").is_empty() && !told.bodies(beat).is_empty()
        })
        .await;
    let said = told.bodies(beat)[0]["cleaning"]["impossible"].as_str().unwrap().to_owned();
    assert!(said.contains(why), "{said}");
    assert_eq!(told.bodies("/vm_startup")[0].get("cleans"), None);
    assert!(told.bodies("/api/agent/clean-result").is_empty());
}

#[tokio::test]
async fn an_account_is_cleaned_and_what_it_left_is_put_aside() {
    let Some(user) = ThrowAway::new(STAYS) else { return };
    user.mark(user.uid);
    let outside = tempfile::tempdir().unwrap();
    fs::set_permissions(outside.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(outside.path().join("precious"), "kept").unwrap();
    // As /tmp/.X11-unix is: root's, and open to all.
    let shared = tempfile::Builder::new().tempdir_in("/tmp").unwrap();
    fs::set_permissions(shared.path(), fs::Permissions::from_mode(0o1777)).unwrap();
    let (trap, shared) = (outside.path().display(), shared.path().display());
    let name = &*user.name;
    user.run(&format!(
        "cd; echo result > a.slp; mkdir -p .config; echo x > .config/y; ln -s {trap} trap
         mkdir /tmp/{name} && echo x > /tmp/{name}/in && ln -s {trap} /tmp/{name}/trap
         ln -s {trap} /tmp/{name}-trap; echo x > /var/tmp/{name}; echo x > /dev/shm/{name}
         echo x > {shared}/socket; ln -s {trap} {shared}/trap; mkfifo {shared}/fifo",
    ));
    symlink("/etc", user.home().join("etc")).unwrap();
    let mut stubborn = user.start(STUBBORN);

    let allocator = Allocator::start().await;
    let mut agent = user.agent(&allocator.url).spawn().unwrap();
    allocator.claim(user.claim, 1);
    allocator.results(1).await;
    assert_eq!(fs::read_to_string(user.home().join("who")).unwrap().trim(), user.name);
    allocator.release();
    allocator.ask_to_clean(user.claim);
    assert_eq!(allocator.clean_results(1).await, [cleaned(user.claim)]);

    assert_eq!(user.processes(), 0);
    stubborn.wait().unwrap();
    let home = fs::metadata(user.home()).unwrap();
    assert_eq!((home.uid(), home.gid(), mode(&user.home())), (user.uid, user.gid, 0o700));
    let names = |folder: &Path| -> Vec<_> {
        let entries = fs::read_dir(folder).unwrap().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&user.home()), names(Path::new("/etc/skel")));
    for entry in fs::read_dir(user.home()).unwrap().flatten() {
        assert_eq!(entry.metadata().unwrap().uid(), user.uid, "{:?}", entry.path());
    }
    let kept = user.kept(&user.base(), user.claim);
    let [kept] = &kept[..] else { panic!("{kept:?}") };
    let meta = fs::metadata(kept).unwrap();
    assert_eq!((meta.uid(), mode(kept)), (0, 0o700), "root's alone");
    assert_eq!(fs::read_to_string(kept.join("home/a.slp")).unwrap(), "result\n");
    for area in ["/tmp", "/var/tmp"].map(Path::new) {
        let [kept] = &user.kept(area, user.claim)[..] else { panic!("{area:?}") };
        assert_eq!((fs::metadata(kept).unwrap().uid(), mode(kept)), (0, 0o700));
    }
    for left in [format!("/tmp/{name}"), format!("/tmp/{name}-trap"), format!("/dev/shm/{name}")] {
        assert!(fs::symlink_metadata(&left).is_err(), "{left}");
    }
    assert_eq!(names(Path::new(&shared.to_string())), [""; 0]);
    assert_eq!(fs::read_to_string(outside.path().join("precious")).unwrap(), "kept");
    assert_eq!(fs::metadata(outside.path()).unwrap().uid(), 0);

    // Asked again, it says so again and cleans nothing; also after a restart.
    user.run("echo next > ~/next");
    allocator.ask_to_clean(user.claim);
    assert_eq!(allocator.clean_results(2).await[1], cleaned(user.claim));
    agent.kill().await.unwrap();
    allocator.ask_to_clean(user.claim);
    let _agent = user.agent(&allocator.url).spawn().unwrap();
    assert_eq!(allocator.clean_results(3).await[2], cleaned(user.claim));
    assert!(user.home().join("next").exists());
    allocator.claim(user.claim + 1, 1);
    allocator.results(2).await;
}

#[tokio::test]
async fn an_agent_that_is_killed_in_the_middle_goes_on_at_its_next_start() {
    let Some(user) = ThrowAway::new(STAYS) else { return };
    user.mark(user.uid);
    let allocator = Allocator::start().await;
    kill_in_the_middle(&user, &allocator, user.claim).await;
    let mut agent = user.agent(&allocator.url).spawn().unwrap();
    assert_eq!(allocator.clean_results(1).await, [cleaned(user.claim)]);
    assert!(!user.home().join("secret").exists());
    agent.kill().await.unwrap();

    // The organiser says meanwhile that the machine goes out as it is, and somebody claims it: it
    // is clean first all the same.
    kill_in_the_middle(&user, &allocator, user.claim + 1).await;
    allocator.claim(user.claim + 2, 1);
    let _agent = user.agent(&allocator.url).spawn().unwrap();
    allocator.results(1).await;
    assert!(!user.home().join("secret").exists());
    assert!(user.home().join("who").exists(), "the next participant's session was not ended");
    assert_eq!(user.kept(&user.base(), user.claim + 1).len(), 1);
}

/// An agent begins to clean after this claim, and is killed while it waits for a process.
async fn kill_in_the_middle(user: &ThrowAway, allocator: &Allocator, claim: i64) {
    user.run("echo secret > ~/secret");
    let mut stubborn = user.start(STUBBORN);
    allocator.ask_to_clean(claim);
    let mut agent = user.agent(&allocator.url).spawn().unwrap();
    let note = user.vm.state().join("cleaning.json");
    let begun = format!(r#"{{"claim_id":{claim},"result":null"#);
    let is_begun = || fs::read_to_string(&note).is_ok_and(|text| text.starts_with(&begun));
    until("the cleaning begins", is_begun).await;
    kill(Pid::from_raw(agent.id().unwrap().try_into().unwrap()), Signal::SIGKILL).unwrap();
    agent.wait().await.unwrap();
    assert!(user.home().join("secret").exists(), "it was in the middle");
    assert!(stubborn.try_wait().unwrap().is_none(), "likewise");
    // The next cleaning ends it. A zombie of ours would not count.
    std::thread::spawn(move || stubborn.wait());
}

#[tokio::test]
async fn an_account_that_was_there_before_is_left_alone() {
    let Some(user) = ThrowAway::new(STAYS) else { return };
    user.run("echo mine > ~/mine");
    for (uid, why) in [
        (None, "an account that was there before LabLink"),
        (Some(user.uid + 1), "is not what the installer has made"),
    ] {
        if let Some(uid) = uid {
            user.mark(uid);
        }
        let allocator = Allocator::start().await;
        allocator.ask_to_clean(user.claim);
        let mut agent = user.agent(&allocator.url).spawn().unwrap();
        says_that_it_can_not_clean(&allocator, why).await;
        agent.kill().await.unwrap();
        assert!(user.home().join("mine").exists());
    }
}

#[tokio::test]
async fn what_is_mounted_in_the_home_holds_the_machine() {
    let Some(user) = ThrowAway::new(STAYS) else { return };
    user.mark(user.uid);
    user.run("mkdir ~/mnt");
    let mounted = user.home().join("mnt");
    let mount = Command::new("mount").args(["-t", "tmpfs", "x"]).arg(&mounted).status().unwrap();
    if !mount.success() {
        eprintln!("skipped: nothing can be mounted here");
        return;
    }
    let allocator = Allocator::start().await;
    let _agent = user.agent(&allocator.url).spawn().unwrap();
    allocator.ask_to_clean(user.claim);
    let result = allocator.clean_results(1).await.remove(0);
    assert!(Command::new("umount").arg(&mounted).status().unwrap().success());
    assert_eq!(result["outcome"], "failed");
    let why = format!("something is mounted at {}: unmount it", mounted.display());
    assert_eq!(result["detail"], why.as_str());
    assert!(mounted.exists() && user.kept(&user.base(), user.claim).is_empty());
    allocator.ask_to_clean(user.claim);
    assert_eq!(allocator.clean_results(2).await[1], cleaned(user.claim));
}

#[tokio::test]
async fn what_was_collected_is_deleted_after_its_time() {
    let Some(user) = ThrowAway::new(STAYS) else { return };
    user.mark(user.uid);
    let make = |claim: i64| {
        let folder = user.base().join(format!("lablink-kept-{claim}-0a"));
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(folder.join("a.slp"), "x").unwrap();
        folder
    };
    let (first, second) = (make(user.claim), make(user.claim + 1));
    let allocator = Allocator::start().await;
    allocator.has_collected(user.claim, &user.base().display().to_string());
    let agent =
        |days: &str| user.agent(&allocator.url).args(["--keep-days", days]).spawn().unwrap();
    let mut young = agent("7");
    allocator.told("a wait", |told| !told.bodies("/vm_startup").is_empty()).await;
    young.kill().await.unwrap();
    assert!(first.exists(), "not a week old");
    let _agent = agent("0");
    until("the first one goes", || !first.exists()).await;
    assert!(second.exists(), "not collected");
}
