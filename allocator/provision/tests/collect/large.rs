//! Large files: straight from their VM to their place in the archive.

use std::{
    fs,
    path::{Path, PathBuf},
};

use lablink_core::{
    collections::Collector,
    operations::{self, OperationState},
};

use crate::{
    lab::{SshLab, eventually, wish},
    sshd::Vm,
    unpack,
};

const SIZE: usize = 24_000_000;
/// Of what comes before a VM hangs.
const HALF: usize = 12_000_000;

/// Bytes of which each piece differs from the others.
fn contents(seed: u8) -> Vec<u8> {
    (0..SIZE / 4).flat_map(|n| (n as u32 ^ u32::from(seed) << 24).to_le_bytes()).collect()
}

/// Bytes that files below this folder take, and those that have no name but are still open there.
fn lying_in(folder: &Path) -> (u64, Vec<PathBuf>) {
    use std::os::unix::fs::MetadataExt;
    let files = fs::read_dir(folder).unwrap().map(|it| it.unwrap().metadata().unwrap());
    let open = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let open = open.filter_map(|it| fs::read_link(it.path()).ok());
    let nameless =
        open.filter(|it| it.starts_with(folder) && it.to_string_lossy().ends_with(" (deleted)"));
    (files.map(|it| it.blocks() * 512).sum(), nameless.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn large_files_of_several_vms_lie_in_the_archive_as_far_as_they_have_come() {
    let lab = SshLab::new().await;
    let vms = [lab.vm("desk-1").await, lab.vm("desk-2").await, lab.vm("desk-3").await];
    for (vm, seed) in vms.iter().zip(1..) {
        vm.write("large.slp", contents(seed));
        vm.write("small.slp", "small");
        vm.stop_after(HALF);
    }
    let _working = lab.work();
    let id = lab.ask().await;
    let folder = lab.path("collections");
    let came = (vms.len() * (HALF - 1_000_000)) as u64;
    eventually("half of each is there", || lying_in(&folder).0 >= came).await;
    assert_eq!(lab.shelf(), [format!("{id}.zip.part")]);
    assert_eq!(lying_in(&folder).1, Vec::<PathBuf>::new(), "nothing lies beside it");
    vms.iter().for_each(Vm::go_on);
    let operation = lab.ended(id).await;
    assert_eq!((operation.state, operation.reason), (OperationState::Succeeded, None));
    let tree = lab.kept(id);
    assert_eq!(tree.len(), 2 * vms.len() + 1);
    for (number, seed) in (1..=vms.len()).zip(1..) {
        let name = format!("desk-{number}/large.slp").into_bytes();
        assert!(tree[&name] == contents(seed), "desk-{number}");
    }
    let to = tempfile::tempdir_in(&lab.root).unwrap();
    let archive = folder.join(format!("{id}.zip"));
    assert!(unpack::with_unzip(&archive, to.path()) == tree, "unzip sees the same");
}

/// Sends half of its file, and is gone once the other VM has begun to send.
fn dies_in_the_middle(vm: &Vm, after: &Path) {
    let dying = format!(
        "#!/usr/bin/env bash\n/bin/tar \"$@\" | {{ head -c {HALF}; touch '{}/begun'; \
         while [[ ! -e '{}' ]]; do sleep 0.05; done; kill -9 $PPID; }}\n",
        vm.root.display(),
        after.display()
    );
    vm.replace_program("tar", &dying);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_dies_in_the_middle_of_a_file_leaves_no_trace_of_it() {
    let lab = SshLab::new().await;
    let (dying, good) = (lab.vm("desk-1").await, lab.vm("desk-2").await);
    for vm in [&dying, &good] {
        vm.write("a.slp", "small");
        vm.write("large.slp", contents(3));
    }
    let after = good.root.join("sent");
    dies_in_the_middle(&dying, &after);
    let waits = format!(
        "#!/usr/bin/env bash\nwhile [[ ! -e '{}/begun' ]]; do sleep 0.05; done\n\
         /bin/tar \"$@\"; status=$?; touch '{}'; exit $status\n",
        dying.root.display(),
        after.display()
    );
    good.replace_program("tar", &waits);
    let _working = lab.work();
    let operation = lab.ended(lab.ask().await).await;
    assert_eq!(operation.state, OperationState::Failed);
    let reason = operation.reason.unwrap();
    assert!(reason.starts_with("desk-1 did not give everything. What came is in"), "{reason}");

    let archive = lab.path(&format!("collections/{}.zip", operation.id));
    let size = fs::metadata(&archive).unwrap().len();
    assert!(size < SIZE as u64 + 100_000, "{size}: no place is left free");
    let tree = lab.kept(operation.id);
    let mut names: Vec<&str> = tree.keys().map(|it| str::from_utf8(it).unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["REPORT.csv", "desk-1/a.slp", "desk-2/a.slp", "desk-2/large.slp"]);
    assert!(tree[b"desk-2/large.slp".as_slice()] == contents(3));
    let partial = "select hostname || ' ' || files || ' ' || unread from collection_vm
                   join vm on vm.id = vm_id where failure is not null";
    assert_eq!(lab.text(partial).await.unwrap(), "desk-1 1 1");
    let steps = operations::steps(&lab.db, operation.id).await.unwrap();
    let told = steps[0].detail.as_deref().unwrap();
    assert_eq!(steps[0].hostname.as_str(), "desk-1");
    assert!(!told.is_empty() && unpack::report(&tree)[0][6] == format!("incomplete: {told}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_flows_and_stays_alive_while_its_only_vm_hangs_in_a_file() {
    let lab = SshLab::new().await;
    let vm = lab.vm("desk-1").await;
    vm.write("a.slp", "small");
    vm.write("large.slp", contents(5));
    vm.stop_after(HALF);
    let mut archive = lab.collector().collect(&wish(None)).await.unwrap();
    let mut bytes = Vec::new();
    let minute = std::time::Duration::from_secs(60);
    while bytes.len() < HALF - 1_000_000 {
        let chunk = tokio::time::timeout(minute, archive.chunks.recv()).await;
        bytes.extend(chunk.expect("its bytes flow").unwrap().unwrap());
    }
    assert_eq!(lying_in(&lab.path("collections")), (0, Vec::new()));
    // What is left of what has come, and then signs of life.
    for _ in 0..10 {
        let chunk = tokio::time::timeout(minute, archive.chunks.recv()).await;
        let chunk = chunk.expect("it is never silent").unwrap().unwrap();
        bytes.extend(&chunk);
        if chunk.len() < 100 {
            break;
        }
    }
    assert!(bytes.len() < HALF + 1_000_000);
    vm.go_on();
    while let Some(chunk) = archive.chunks.recv().await {
        bytes.extend(chunk.unwrap());
    }
    let path = lab.path("flowed.zip");
    fs::write(&path, bytes).unwrap();
    let tree = lab.unpacked(&path);
    assert!(tree[b"desk-1/large.slp".as_slice()] == contents(5));
    assert_eq!((tree.len(), &*unpack::report(&tree)[0][6]), (3, "complete"));
    let to = tempfile::tempdir_in(&lab.root).unwrap();
    assert!(unpack::with_unzip(&path, to.path()) == tree, "unzip sees the same");
}
