//! What is left out though it may be results.

use std::{fs, os::unix::fs::symlink, process::Command};

use lablink_core::{
    collections::{self, CollectError, OnSkipped},
    operations::{self, OperationState},
    vms::Selection,
};

use crate::{
    lab::{SshLab, admin},
    unpack,
};

/// A collection and the destroy behind it, at their ends.
async fn destroyed(lab: &SshLab, on_skipped: OnSkipped) -> [operations::Operation; 2] {
    let scope = lab.by(admin());
    let (all, slp) = (Selection::All, "slp".parse().unwrap());
    let asked = collections::collect_and_destroy(&scope, &all, slp, on_skipped);
    let id = asked.await.unwrap();
    let before = (i64::from(id) - 1).into();
    [lab.ended(before).await, lab.ended(id).await]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_another_disk_stops_a_destroy_until_somebody_says_to_go_on() {
    let lab = SshLab::new().await;
    let home = lab.local_vm(1).await.join("home");
    let disk = lab.path("other-disk");
    fs::create_dir(&disk).unwrap();
    fs::write(disk.join("far.slp"), "far").unwrap();
    symlink(&disk, home.join("results")).unwrap();
    let _working = lab.work();

    let [collection, destroy] = destroyed(&lab, OnSkipped::Stop).await;
    assert_eq!(collection.state, OperationState::Failed);
    let reason = collection.reason.unwrap();
    let expected = format!(
        "1 thing that may be results was left out, on 1 of 1 VMs, first on lablink-vm-test-1: \
         home/results (a link to the folder {}).",
        disk.display()
    );
    assert!(reason.starts_with(&expected), "{reason}");
    let tree = lab.kept(collection.id);
    assert_eq!(tree.len(), 1, "no file: {:?}", tree.keys());
    assert_eq!(unpack::report(&tree)[1][1], "vm_1/home/results");
    assert_eq!(destroy.state, OperationState::Failed);
    assert!(destroy.reason.unwrap().starts_with("Nothing was destroyed: "));
    let row =
        "select skipped || ' ' || (skipped_what like 'home/results (%')::text from collection_vm";
    assert_eq!(lab.text(row).await.unwrap(), "1 true");

    let [collection, destroy] = destroyed(&lab, OnSkipped::Accept).await;
    assert_eq!(collection.state, OperationState::Succeeded);
    assert!(collection.reason.unwrap().starts_with("1 thing that may be results"));
    // This lab has nobody who destroys; but it was begun.
    assert!(destroy.reason.unwrap().contains("makes and removes no VMs"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_to_a_disk_that_is_not_there_stops_it_too() {
    let lab = SshLab::new().await;
    let home = lab.local_vm(1).await.join("home");
    symlink("/disk-that-is-not-mounted", home.join("results")).unwrap();
    symlink("nowhere", home.join("inside")).unwrap();
    symlink("/gone/notes.txt", home.join("notes.txt")).unwrap();
    let _working = lab.work();
    let [collection, destroy] = destroyed(&lab, OnSkipped::Stop).await;
    assert_eq!(collection.state, OperationState::Failed);
    let reason = collection.reason.unwrap();
    let expected = "1 thing that may be results was left out, on 1 of 1 VMs, first on \
        lablink-vm-test-1: home/results (a link to /disk-that-is-not-mounted, which is not there).";
    assert!(reason.starts_with(expected), "{reason}");
    assert!(destroy.reason.unwrap().starts_with("Nothing was destroyed: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_is_too_long_to_be_read_is_told_and_stops_nothing_else() {
    let lab = SshLab::new().await;
    let vm = lab.vm("desk-1").await;
    vm.write("good.slp", "good");
    // Longer than any path may be: step by step.
    let made = Command::new("bash")
        .args([
            "-ec",
            "n=$(printf 'n%.0s' {1..200}); for i in {1..30}; do mkdir $n; cd -P $n; done; \
               echo deep >deep.slp",
        ])
        .current_dir(vm.desktop())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let tree = lab.download().await.unwrap();
    assert_eq!(tree[b"desk-1/good.slp".as_slice()], b"good");
    let report = unpack::report(&tree);
    assert_eq!((&*report[0][6], &*report[0][7]), ("complete", "1"));
    assert_eq!(report[1][6], "left out: its path is too long to be read");
}

#[tokio::test(flavor = "multi_thread")]
async fn letter_case_stops_nothing_and_leaves_nothing_out() {
    let lab = SshLab::new().await;
    let home = lab.local_vm(1).await.join("home");
    fs::write(home.join("UPPER.SLP"), "up").unwrap();
    fs::create_dir(home.join("Models")).unwrap();
    fs::write(home.join("Models/a.sLp"), "a").unwrap();
    symlink("UPPER.SLP", home.join("latest.slp")).unwrap();
    let _working = lab.work();
    let [collection, destroy] = destroyed(&lab, OnSkipped::Stop).await;
    assert_eq!((collection.state, collection.reason), (OperationState::Succeeded, None));
    let tree = lab.kept(collection.id);
    assert!(tree.contains_key(b"vm_1/home/UPPER.SLP".as_slice()), "{:?}", tree.keys());
    assert!(tree.contains_key(b"vm_1/home/Models/a.sLp".as_slice()), "{:?}", tree.keys());
    assert!(destroy.reason.unwrap().contains("makes and removes no VMs"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_without_a_file_says_what_it_left_out() {
    let lab = SshLab::new().await;
    let vm = lab.vm("desk-1").await;
    vm.write("predictions/a.slp", "a");
    // A loop is neither found nor an error.
    symlink("loop.slp", vm.desktop().join("loop.slp")).unwrap();
    let error = lab.download().await.unwrap_err();
    assert!(matches!(error, CollectError::OnlySkipped(..)), "{error}");
    let expected = "desk-1: predictions/a.slp (in a folder that is left out by its name).";
    assert!(error.to_string().contains(expected), "{error}");

    fs::remove_dir_all(vm.desktop()).unwrap();
    symlink("/mnt", vm.desktop()).unwrap();
    let error = lab.download().await.unwrap_err().to_string();
    assert!(error.contains("the folder itself (a link to the folder /mnt)"), "{error}");
}
