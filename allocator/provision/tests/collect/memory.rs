//! How large a process becomes that collects a file, in a process of its own.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use lablink_core::operations::OperationState;

use crate::{
    killed::{DATABASE, ROOT, address},
    lab::{Site, SshLab},
    unpack,
};

const SIZE: usize = 160_000_000;
/// Of what a collection may take beside, whatever the size of its files.
const MOST: u64 = 48_000_000;
/// Where the other process tells by how many bytes it has grown.
const GROWN: &str = "grown";

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_collected_in_much_less_memory_than_it_has_bytes() {
    let lab = SshLab::new().await;
    let vm = lab.vm("desk-1").await;
    let contents: Vec<u8> = (0..SIZE / 4).flat_map(|n| (n as u32).to_le_bytes()).collect();
    vm.write("large.slp", &contents);
    let id = lab.ask().await;
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "memory::collects_and_tells_how_large_it_became"])
        .env(DATABASE, address(&lab.database))
        .env(ROOT, &lab.root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let operation = lab.ended(id).await;
    assert_eq!((operation.state, operation.reason), (OperationState::Succeeded, None));
    assert!(child.wait().unwrap().success());
    let grown: u64 = fs::read_to_string(lab.path(GROWN)).unwrap().parse().unwrap();
    assert!(grown < MOST, "grew by {grown} bytes");
    let path = lab.path(&format!("collections/{id}.zip"));
    let to = tempfile::tempdir_in(&lab.root).unwrap();
    let tree = unpack::with_python(&path, to.path());
    assert!(tree[b"desk-1/large.slp".as_slice()] == contents);
}

/// The other half of the test above.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the other half of a test"]
async fn collects_and_tells_how_large_it_became() {
    let Ok(database) = std::env::var(DATABASE) else { return };
    let root = std::env::var(ROOT).unwrap();
    let site = Site::at(database.parse().unwrap(), Path::new(&root)).await;
    let before = most_resident();
    let working = site.work();
    let id = site.text("select max(id)::text from operation").await.unwrap();
    site.ended(id.parse().unwrap()).await;
    let grown = most_resident() - before;
    fs::write(site.path(GROWN), grown.to_string()).unwrap();
    working.shutdown.cancel();
    working.task.await.unwrap();
}

/// The most bytes that this process has had in memory.
fn most_resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}
