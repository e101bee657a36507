//! A real process that collects, killed in the middle.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use lablink_core::operations::{OperationState, take};
use tokio_postgres::config::Host;

use crate::lab::{Site, SshLab, eventually, kinds};

/// What the child is to do, by its environment.
pub const DATABASE: &str = "LABLINK_TEST_DATABASE";
pub const ROOT: &str = "LABLINK_TEST_ROOT";
const PRIVATE_KEY: &str = "PRIVATE KEY";

/// The programs that run with this word among their arguments.
pub fn processes(word: &str) -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(word)
    })
    .collect()
}

/// Collects until it is killed: run by the test below, in a process of its own.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the other half of a test"]
async fn collects_until_it_is_killed() {
    let Ok(database) = std::env::var(DATABASE) else { return };
    let root = std::env::var(ROOT).unwrap();
    let site = Site::at(database.parse().unwrap(), Path::new(&root)).await;
    site.work().task.await.unwrap();
}

/// A process that ends with the test, however that ends.
struct Elsewhere(Child);

impl Elsewhere {
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _gone = self.0.wait();
    }
}

fn collect_elsewhere(lab: &SshLab) -> Elsewhere {
    fs::create_dir(lab.path("tmp")).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "killed::collects_until_it_is_killed"])
        .env(DATABASE, address(&lab.database))
        .env(ROOT, &lab.root)
        .env("TMPDIR", lab.path("tmp"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    Elsewhere(child.unwrap())
}

/// As libpq writes it.
pub fn address(database: &tokio_postgres::Config) -> String {
    let host = match &database.get_hosts()[0] {
        Host::Tcp(name) => name.clone(),
        Host::Unix(folder) => folder.display().to_string(),
    };
    let password = String::from_utf8(database.get_password().unwrap_or_default().to_vec()).unwrap();
    format!(
        "host='{host}' port={} user='{}' password='{password}' dbname='{}'",
        database.get_ports().first().unwrap_or(&5432),
        database.get_user().unwrap(),
        database.get_dbname().unwrap()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_in_the_middle_leaves_no_key_and_no_process_and_the_operation_ends() {
    let lab = SshLab::new().await;
    let (good, hanging) = (lab.vm("killed-1").await, lab.vm("killed-2").await);
    good.write("a.slp", vec![7; 3_000_000]);
    hanging.write("b.slp", "two");
    hanging.hang_while_sending();
    let id = lab.ask().await;
    let mut allocator = collect_elsewhere(&lab);
    eventually("a VM hangs while it sends", || hanging.is_sending()).await;
    eventually("a torso is there", || lab.shelf() == [format!("{id}.zip.part")]).await;
    let alias = "HostKeyAlias=killed-2";
    assert_eq!(processes(alias).len(), 1);

    allocator.kill();
    let killed = Instant::now();
    eventually("ssh is gone", || processes(alias).is_empty()).await;
    assert!(killed.elapsed() < Duration::from_secs(5), "{:?}", killed.elapsed());
    assert_eq!(keys_in(&lab.root), Vec::<PathBuf>::new());

    // The next allocator ends what was left, once the lease has run out.
    lab.sql("update operation set lease_expires_at = now()").await;
    let _working = lab.work();
    assert!(lab.shelf().is_empty(), "{:?}", lab.shelf());
    let operation = lab.ended(id).await;
    assert_eq!(operation.state, OperationState::Interrupted);
    assert!(take(&lab.scope(), "test", &kinds()).await.unwrap().is_none());
}

/// Files below a folder that hold a private key; the VMs' own host keys are theirs.
fn keys_in(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        if kind.is_dir() && !path.join("sshd_config").exists() {
            found.extend(keys_in(&path));
        } else if kind.is_file() && entry.metadata().is_ok_and(|it| it.len() < 100_000) {
            let text = fs::read(&path).unwrap_or_default();
            if String::from_utf8_lossy(&text).contains(PRIVATE_KEY) {
                found.push(path);
            }
        }
    }
    found
}
