//! VMs that have, send or take too much. Each costs its own results, and nobody else's.

use std::{
    fs::{self, File},
    io::{Read, Write},
    net::TcpListener,
    os::unix::fs::{FileExt, MetadataExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use lablink_core::operations::{self, OperationState, Stage};
use nix::sys::statvfs::statvfs;

use crate::{
    lab::{SshLab, eventually},
    unpack::{self, Tree},
};

const GOOD: &str = "desk-good";
const BAD: &str = "desk-bad";

/// What a collection says of the VM that took too much: the same in its report, in its log, on the
/// VM's step and in its row. The other one has given all it had.
async fn fails_alone(lab: &SshLab) -> String {
    let operation = lab.ended(lab.ask().await).await;
    assert_eq!(operation.state, OperationState::Failed);
    let reason = operation.reason.unwrap();
    assert!(reason.starts_with("desk-bad did not give everything."), "{reason}");
    let tree = lab.kept(operation.id);
    assert_eq!(result(&tree, GOOD), "complete");
    assert_eq!(tree[b"desk-good/good.slp".as_slice()], b"good");
    let told = result(&tree, BAD).strip_prefix("incomplete: ").unwrap().to_owned();

    let steps = operations::steps(&lab.db, operation.id).await.unwrap();
    let of = |name: &str| steps.iter().find(|step| step.hostname.as_str() == name).unwrap();
    assert_eq!((of(GOOD).stage, of(BAD).stage), (Stage::Done, Stage::Failed));
    assert_eq!(of(BAD).detail.as_deref(), Some(&*told));
    let log = operations::log(&lab.db, operation.id, 100).await.unwrap();
    assert!(log.iter().any(|it| it.line.starts_with(BAD) && it.line.ends_with(&told)), "{log:?}");
    let row = format!(
        "select failure from collection_vm join vm on vm.id = vm_id
         where hostname = '{BAD}' and operation_id = {}",
        operation.id
    );
    assert_eq!(lab.text(&row).await.as_deref(), Some(&*told));
    told
}

fn result(tree: &Tree, vm: &str) -> String {
    let rows = unpack::report(tree);
    rows.iter().find(|row| row[0] == vm).unwrap()[6].clone()
}

/// Two VMs, the second of which is to be greedy.
async fn two(lab: &SshLab) -> (crate::sshd::Vm, crate::sshd::Vm) {
    let (good, bad) = (lab.vm(GOOD).await, lab.vm(BAD).await);
    good.write("good.slp", "good");
    (good, bad)
}

/// Where archives lie, on a disk in memory of which we know how full it is. So much of it is free.
fn on_a_small_disk(lab: &mut SshLab, free: u64) -> tempfile::TempDir {
    let disk = tempfile::tempdir_in("/dev/shm").unwrap();
    fs::remove_dir(lab.path("collections")).unwrap();
    symlink(disk.path(), lab.path("collections")).unwrap();
    lab.site.limits.reserve = free_at(disk.path()) - free;
    disk
}

fn free_at(path: &Path) -> u64 {
    let disk = statvfs(path).unwrap();
    disk.blocks_available() * disk.fragment_size()
}

/// A file that seems to be this large and holds a few bytes at its middle.
fn sparse(path: &Path, size: u64) {
    let file = File::create(path).unwrap();
    file.write_all_at(b"in the middle", size / 2).unwrap();
    file.set_len(size).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sparse_file_costs_what_it_holds() {
    const HUGE: u64 = 500_000_000_000;
    let mut lab = SshLab::new().await;
    let _disk = on_a_small_disk(&mut lab, 40_000_000);
    let (_good, vm) = two(&lab).await;
    sparse(&vm.desktop().join("huge.slp"), HUGE);
    sparse(&vm.desktop().join("usual.slp"), 1_000_000);
    vm.write("full.slp", vec![7; 2_000_000]);
    let _working = lab.work();
    let operation = lab.ended(lab.ask().await).await;
    assert_eq!((operation.state, operation.reason), (OperationState::Succeeded, None));
    let archive = lab.path(&format!("collections/{}.zip", operation.id));
    assert!(fs::metadata(&archive).unwrap().len() < 4_000_000);

    // The same while somebody waits.
    for tree in [lab.kept(operation.id), lab.download().await.unwrap()] {
        let usual = &tree[b"desk-bad/usual.slp".as_slice()];
        assert_eq!(
            (usual.len(), &usual[500_000..500_013]),
            (1_000_000, b"in the middle".as_slice())
        );
        assert!(tree[b"desk-bad/full.slp".as_slice()] == vec![7; 2_000_000]);
        let row = unpack::report(&tree).into_iter().find(|row| row[1].ends_with(".tar")).unwrap();
        assert_eq!((&*row[1], &*row[8]), ("desk-bad/huge.slp.tar", "desk-bad/huge.slp"));
        assert!(row[6].contains("tar -xSf"), "{}", row[6]);
        let to = tempfile::tempdir_in(&lab.root).unwrap();
        let mut tar = Command::new("tar")
            .args(["-xSf", "-", "-C"])
            .arg(to.path())
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let packed = &tree[b"desk-bad/huge.slp.tar".as_slice()];
        tar.stdin.take().unwrap().write_all(packed).unwrap();
        assert!(tar.wait().unwrap().success());
        let file = File::open(to.path().join("huge.slp")).unwrap();
        assert_eq!(file.metadata().unwrap().len(), HUGE);
        assert!(file.metadata().unwrap().blocks() < 1_000);
        let mut middle = [0; 13];
        file.read_exact_at(&mut middle, HUGE / 2).unwrap();
        assert_eq!(&middle, b"in the middle");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_has_too_much_for_the_disk() {
    let mut lab = SshLab::new().await;
    let disk = on_a_small_disk(&mut lab, 60_000_000);
    let (good, bad) = two(&lab).await;
    // Together with the greedy one's, they would not fit.
    good.write("more.slp", vec![1; 20_000_000]);
    bad.write("large.slp", vec![2; 45_000_000]);
    let _working = lab.work();
    let told = fails_alone(&lab).await;
    assert!(
        told.starts_with("not enough space on the allocator's disk: 45 MB are needed"),
        "{told}"
    );
    assert!(free_at(disk.path()) > lab.limits.reserve, "what stays free stays free");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_has_more_than_a_vm_may_have() {
    let mut lab = SshLab::new().await;
    lab.site.limits.bytes_per_vm = 1_000_000;
    let (_good, bad) = two(&lab).await;
    bad.write("a.slp", vec![2; 600_000]);
    bad.write("b.slp", vec![2; 600_000]);
    let _working = lab.work();
    let told = fails_alone(&lab).await;
    assert!(told.contains("more than the 1.0 MB that a VM may have"), "{told}");
    assert!(told.contains("collect.gigabytes_per_vm"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_sends_more_than_it_listed() {
    let mut lab = SshLab::new().await;
    let disk = on_a_small_disk(&mut lab, 400_000_000);
    let (_good, bad) = two(&lab).await;
    bad.write("a.slp", "small");
    bad.replace_program("find", "#!/bin/sh\nprintf '0,0 a.slp\\0'\n");
    // As a file of 5 GB, for as long as somebody takes it.
    let tar = "#!/usr/bin/env bash\n\
               echo ./a.slp >&2\n\
               truncate -s 5G /dev/shm/$$ && exec 9</dev/shm/$$ && rm /dev/shm/$$\n\
               exec /bin/tar --create --file=- --format=gnu --transform 's,.*,./a.slp,' \
                   --dereference /proc/self/fd/9\n";
    bad.replace_program("tar", tar);
    let _working = lab.work();
    let told = fails_alone(&lab).await;
    assert_eq!(told, "it sends more than it listed (0 B), so it was stopped");
    assert!(free_at(disk.path()) > lab.limits.reserve + 300_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_sends_more_than_there_is_room_for() {
    let mut lab = SshLab::new().await;
    let disk = on_a_small_disk(&mut lab, 40_000_000);
    let (_good, bad) = two(&lab).await;
    bad.write("a.slp", vec![3; 50_000_000]);
    bad.replace_program("find", "#!/bin/sh\nprintf '1,8 a.slp\\0'\n");
    let _working = lab.work();
    let told = fails_alone(&lab).await;
    assert!(
        told.starts_with("not enough space on the allocator's disk: 50 MB are needed"),
        "{told}"
    );
    assert!(free_at(disk.path()) > lab.limits.reserve, "what stays free stays free");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_whose_holes_are_none() {
    let mut lab = SshLab::new().await;
    let _disk = on_a_small_disk(&mut lab, 100_000_000);
    lab.site.limits.bytes_per_vm = 50_000_000;
    let (_good, bad) = two(&lab).await;
    bad.write("a.slp", vec![3; 60_000_000]);
    bad.replace_program("find", "#!/bin/sh\nprintf '60000000,8 a.slp\\0'\n");
    let _working = lab.work();
    let told = fails_alone(&lab).await;
    assert!(told.contains("more than the 50 MB that a VM may have"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_sends_a_byte_at_a_time() {
    let mut lab = SshLab::new().await;
    (lab.site.limits.stall, lab.site.limits.slowest) = (Duration::from_secs(4), 10_000);
    let (_good, bad) = two(&lab).await;
    bad.write("a.slp", vec![3; 100_000]);
    let vm = bad.root.display();
    // Without an end, but for the test's.
    let drip = format!(
        "#!/usr/bin/env bash\n/bin/tar \"$@\" | {{ head -c 600; \
         while [[ -e '{vm}/bin/tar' ]]; do printf x; sleep 0.1; done; }}\n"
    );
    bad.replace_program("tar", &drip);
    let _working = lab.work();
    let told = fails_alone(&lab).await;
    assert!(told.starts_with("it sent only ") && told.contains("collect.slowest"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_lists_a_byte_at_a_time() {
    let mut lab = SshLab::new().await;
    lab.site.limits.per_vm = Duration::from_secs(5);
    let (_good, bad) = two(&lab).await;
    let vm = bad.root.display();
    let drip = format!(
        "#!/usr/bin/env bash\nwhile [[ -e '{vm}/bin/find' ]]; do printf '1,8 a.slp\\0'; \
         sleep 0.1; done\n"
    );
    bad.replace_program("find", &drip);
    let _working = lab.work();
    let told = fails_alone(&lab).await;
    assert_eq!(told, "it did not say within 5 s what it has");
    fs::remove_file(bad.root.join("bin/find")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_lists_without_end() {
    let lab = SshLab::new().await;
    let (_good, bad) = two(&lab).await;
    let endless = "#!/bin/sh\nexec yes '1,8 a.slp' | tr '\\n' '\\0'\n";
    bad.replace_program("find", endless);
    let _working = lab.work();
    let told = fails_alone(&lab).await;
    assert!(told.contains("more files than can be collected"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_stalls_after_the_handshake() {
    let mut lab = SshLab::new().await;
    lab.site.limits.connect = Duration::from_secs(2);
    let good = lab.vm(GOOD).await;
    good.write("good.slp", "good");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    lab.register(BAD, listener.local_addr().unwrap().port()).await;
    let holding = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"SSH-2.0-OpenSSH_9.2\r\n").unwrap();
        // Until it is given up.
        let mut said = Vec::new();
        stream.read_to_end(&mut said).unwrap();
        said.len()
    });
    let _working = lab.work();
    let told = fails_alone(&lab).await;
    assert!(told.starts_with("it could not be reached at 127.0.0.1"), "{told}");
    assert!(holding.join().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_becomes_a_pipe_after_it_was_listed() {
    let lab = SshLab::new().await;
    let (_good, bad) = two(&lab).await;
    for name in ["a.slp", "b.slp"] {
        bad.write(name, "b");
    }
    let desktop: PathBuf = bad.desktop();
    let tar = format!(
        "#!/bin/sh\nrm '{0}/b.slp'; mkfifo '{0}/b.slp'\nexec /bin/tar \"$@\"\n",
        desktop.display()
    );
    bad.replace_program("tar", &tar);
    let _working = lab.work();
    assert_eq!(fails_alone(&lab).await, "it sent what it was not asked for");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_with_very_many_tiny_files_that_can_not_be_read() {
    let lab = SshLab::new().await;
    let (_good, bad) = two(&lab).await;
    bad.write("a.slp", "a");
    // Each is complained about.
    let find = "#!/bin/sh\nseq -f '0,0 %.0f.slp' 1 40000 | tr '\\n' '\\0'\nprintf '1,8 a.slp\\0'\n";
    bad.replace_program("find", find);
    let _working = lab.work();
    let told = fails_alone(&lab).await;
    assert!(told.starts_with("40000 files could not be read, the first for: "), "{told}");
    let count = "select files || ' ' || unread from collection_vm join vm on vm.id = vm_id
                 where hostname = 'desk-bad'";
    assert_eq!(lab.text(count).await.unwrap(), "1 40000");
    eventually("its archive is small", || {
        fs::read_dir(lab.path("collections"))
            .unwrap()
            .all(|it| it.unwrap().metadata().unwrap().len() < 3_000_000)
    })
    .await;
}
