use std::{
    fs,
    os::unix::{fs::symlink, net::UnixListener},
    process::Command,
};

use lablink_core::collections::{CollectError, Collector};

use crate::{
    lab::{SshLab, whole, wish},
    sshd::is_root,
    unpack,
};

#[tokio::test(flavor = "multi_thread")]
async fn results_come_from_containers_and_desktops_and_local_folders() {
    let lab = SshLab::new().await;
    let (contained, plain) = (lab.vm("desk-1").await, lab.vm("desk-2").await);
    contained.write("a.slp", "one");
    contained.write("sub dir/UPPER.Slp", "UP!");
    contained.write("sub dir/b.slp", "two");
    contained.write("c.txt", "no result");
    contained.write("models/d.slp", "left out");
    contained.write("deep/predictions/e.slp", "left out");
    fs::write(plain.without_container().join("f.slp"), "three").unwrap();
    let local = lab.local_vm(3).await;
    fs::write(local.join("home/Desktop/g.slp"), "four").unwrap();
    fs::create_dir(local.join("state")).unwrap();
    fs::write(local.join("state/token.slp"), "the agent's own").unwrap();

    let mut tree = lab.download().await.unwrap();
    let report = unpack::report(&tree);
    tree.remove(b"REPORT.csv".as_slice());
    let names: Vec<String> =
        tree.keys().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let expected =
        ["a.slp", "sub dir/UPPER.Slp", "sub dir/b.slp"].map(|name| format!("desk-1/{name}"));
    let expected =
        [&expected[..], &["desk-2/f.slp", "vm_3/home/Desktop/g.slp"].map(str::to_owned)].concat();
    assert_eq!(names, expected);
    assert_eq!(tree[b"desk-1/sub dir/b.slp".as_slice()], b"two");
    let mut report = report;
    report[3..].sort();
    let left_out = "left out: in a folder that is left out by its name";
    let told: Vec<[&str; 5]> =
        report.iter().map(|row| [&*row[0], &*row[1], &*row[2], &*row[3], &*row[6]]).collect();
    assert_eq!(
        told,
        [
            ["desk-1", "desk-1/", "3", "9", "complete"],
            ["desk-2", "desk-2/", "1", "5", "complete"],
            ["lablink-vm-test-3", "vm_3/", "1", "4", "complete"],
            ["desk-1", "desk-1/deep/predictions/e.slp", "", "", left_out],
            ["desk-1", "desk-1/models/d.slp", "", "", left_out],
        ]
    );
    let asked = fs::read_to_string(contained.root.join("docker.log")).unwrap();
    assert!(asked.contains("exec -u 0 0a1b2c3d4e5f "), "the first container's: {asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn links_out_of_the_folder_are_not_followed() {
    let lab = SshLab::new().await;
    let vm = lab.vm("desk-1").await;
    fs::write(vm.root.join("secret.slp"), "secret").unwrap();
    fs::create_dir(vm.root.join("elsewhere")).unwrap();
    fs::write(vm.root.join("elsewhere/far.slp"), "secret").unwrap();
    vm.write("mine.slp", "mine");
    symlink(vm.root.join("secret.slp"), vm.desktop().join("link.slp")).unwrap();
    symlink(vm.root.join("elsewhere"), vm.desktop().join("folder")).unwrap();
    fs::hard_link(vm.desktop().join("mine.slp"), vm.desktop().join("twin.slp")).unwrap();
    let tree = lab.download().await.unwrap();
    let names: Vec<&[u8]> = tree.keys().map(Vec::as_slice).collect();
    assert_eq!(names, [b"REPORT.csv".as_slice(), b"desk-1/mine.slp", b"desk-1/twin.slp"]);
    assert_eq!(tree[b"desk-1/twin.slp".as_slice()], b"mine");
    let mut report = unpack::report(&tree);
    report.sort();
    let told: Vec<(&str, &str)> = report[1..].iter().map(|row| (&*row[1], &*row[6])).collect();
    let folder = format!("left out: a link to the folder {}", vm.root.join("elsewhere").display());
    let file = format!("left out: a link to the file {}", vm.root.join("secret.slp").display());
    assert_eq!(told, [("desk-1/folder", &*folder), ("desk-1/link.slp", &*file)]);
    assert_eq!(report[0][7], "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_file_is_not_waited_for() {
    let lab = SshLab::new().await;
    let vm = lab.vm("desk-1").await;
    vm.write("mine.slp", "mine");
    vm.write("folder.slp/inside.slp", "inside");
    let made = Command::new("mkfifo").arg(vm.desktop().join("pipe.slp")).status().unwrap();
    assert!(made.success());
    let _socket = UnixListener::bind(vm.desktop().join("socket.slp")).unwrap();
    if is_root() {
        // Where devices may be made.
        let device = vm.desktop().join("zeros.slp");
        let _refused = Command::new("mknod").arg(device).args(["c", "1", "5"]).output().unwrap();
    }
    let tree = lab.download().await.unwrap();
    let names: Vec<&[u8]> = tree.keys().map(Vec::as_slice).collect();
    let expected: [&[u8]; 3] = [b"REPORT.csv", b"desk-1/folder.slp/inside.slp", b"desk-1/mine.slp"];
    assert_eq!(names, expected);
    assert_eq!(unpack::report(&tree)[0][6], "complete");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_nothing_it_is_said_as_the_original_did() {
    let lab = SshLab::new().await;
    assert!(matches!(lab.download().await, Err(CollectError::NoVms)));
    let vm = lab.vm("desk-1").await;
    vm.write("notes.txt", "no result");
    let error = lab.download().await.unwrap_err();
    assert_eq!(error.to_string(), "No slp files found in any VMs.");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_flows_while_a_vm_still_hangs_and_ends_when_nobody_reads_it() {
    let lab = SshLab::new().await;
    let (quick, hanging) = (lab.vm("flow-1").await, lab.vm("flow-2").await);
    quick.write("a.slp", "one");
    hanging.write("b.slp", "two");
    fs::write(hanging.root.join("hang"), "").unwrap();
    let collector = lab.collector();
    let mut archive = collector.collect(&wish(None)).await.unwrap();
    assert!(archive.name.starts_with("lablink_data20") && archive.name.ends_with(".zip"));
    let first = archive.chunks.recv().await.unwrap().unwrap();
    assert_eq!(&first[..4], b"PK\x03\x04");
    let alias = "HostKeyAlias=flow-2";
    assert_eq!(crate::killed::processes(alias).len(), 1);
    drop(archive);
    crate::lab::eventually("ssh to the VM that hangs ends", || {
        crate::killed::processes(alias).is_empty()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_chosen_vms_are_asked() {
    let lab = SshLab::new().await;
    let (first, second) = (lab.vm("desk-1").await, lab.vm("desk-2").await);
    first.write("a.slp", "one");
    second.write("b.slp", "two");
    let archive = lab.collector().collect(&wish(Some(&["desk-2", "desk-9"]))).await.unwrap();
    let path = lab.path("some.zip");
    fs::write(&path, whole(archive).await).unwrap();
    let tree = lab.unpacked(&path);
    assert!(tree.contains_key(b"desk-2/b.slp".as_slice()) && tree.len() == 2);
    let gone = &unpack::report(&tree)[1];
    assert_eq!((&*gone[0], &*gone[6]), ("desk-9", "incomplete: it is not there any more"));
}
