use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use lablink_core::ssh::FitAddresses;

use crate::{
    lab::SshLab,
    sshd::is_root,
    unpack::{self, Tree},
};

/// The row of a VM, or of a file, in a report.
fn result(tree: &Tree, vm: &str, file: &str) -> String {
    let rows = unpack::report(tree);
    let row = rows.iter().find(|row| row[0] == vm && row[1] == file);
    row.unwrap_or_else(|| panic!("no row {vm}, {file} in {rows:?}"))[6].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_vm_that_fails_is_named_with_its_reason_and_the_others_give_all() {
    let lab = SshLab::new().await;
    let good = lab.vm("desk-good").await;
    good.write("a.slp", "one");
    let refusing = lab.vm("desk-refuses").await;
    fs::write(refusing.root.join("authorized_keys"), "").unwrap();
    let mut off = lab.vm("desk-off").await;
    off.stop();
    let missing = lab.vm("desk-without").await;
    fs::write(missing.root.join("containers"), "").unwrap();
    let _empty = lab.vm("desk-empty").await;
    lab.sql(
        "insert into vm (pool_id, hostname, source) select id, 'walk-in', 'unknown' from pool;
         insert into vm (pool_id, hostname, source) select id, 'by-hand', 'manual' from pool;
         insert into vm (pool_id, hostname, number, source)
         select id, 'lablink-vm-test-7', 7, 'local' from pool",
    )
    .await;

    let tree = lab.download().await.unwrap();
    assert_eq!(tree[b"desk-good/a.slp".as_slice()], b"one");
    assert_eq!(tree.len(), 2);
    let says = |vm: &str, folder: &str, what: &str| {
        let result = result(&tree, vm, folder);
        assert!(result.contains(what), "{vm}: {result}");
    };
    says("desk-good", "desk-good/", "complete");
    says("desk-empty", "desk-empty/", "complete");
    says("desk-refuses", "desk-refuses/", "it refuses LabLink's SSH key");
    says("desk-off", "desk-off/", "could not be reached at 127.0.0.1, port");
    says("desk-off", "desk-off/", "Connection refused");
    says("desk-without", "desk-without/", "there is no folder");
    says("walk-in", "walk-in/", "nobody has said how it is reached");
    says("by-hand", "by-hand/", "registered without SSH");
    says("lablink-vm-test-7", "vm_7/", "its folder is not on this machine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_has_come_to_stand_for_the_allocator_itself_is_not_followed() {
    let mut lab = SshLab::new().await;
    let here = lab.vm("desk-1").await;
    here.write("a.slp", "one");
    // Somebody else's name servers say what it stands for, and when.
    lab.register_at("desk-2", "localhost", here.port).await;
    lab.register_at("desk-3", "desk-3.invalid", here.port).await;
    let tree = lab.download().await.unwrap();
    assert!(tree.contains_key(b"desk-2/a.slp".as_slice()), "a name is good for a machine");
    assert!(result(&tree, "desk-3", "desk-3/").contains("desk-3.invalid has no address"));

    lab.site.ssh_addresses = FitAddresses::Remote;
    let error = lab.download().await.unwrap_err().to_string();
    for (desk, address) in [("desk-1", "127.0.0.1"), ("desk-2", "localhost")] {
        let refused = format!("{desk}: nothing was sent to it: {address} stands for ");
        assert!(error.contains(&refused), "{error}");
    }
    assert_eq!(error.matches("the allocator's own machine (loopback)").count(), 2, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn vms_on_aws_are_looked_for_where_terraform_says() {
    let mut lab = SshLab::new().await;
    lab.sql(
        "insert into vm (pool_id, hostname, number, source)
         select pool.id, 'lablink-vm-test-' || number, number, 'aws'
         from pool, generate_series(1, 2) as number",
    )
    .await;
    let error = lab.download().await.unwrap_err().to_string();
    assert!(error.contains("this allocator has no Terraform for VMs on AWS"), "{error}");
    // An address of a network that nobody uses, so that nothing can answer.
    lab.site.limits.connect = Duration::from_secs(1);
    lab.state_with_vm_at("lablink-vm-test-2", "0.0.0.1").await;
    let error = lab.download().await.unwrap_err().to_string();
    let unknown = "lablink-vm-test-1: Terraform's state does not know it.";
    assert!(error.contains(unknown), "{error}");
    let address = "lablink-vm-test-2: it could not be reached at 0.0.0.1, port 22: ";
    assert!(error.contains(address), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_that_hangs_is_given_up() {
    let mut lab = SshLab::new().await;
    lab.site.limits.stall = Duration::from_secs(2);
    let vm = lab.vm("desk-1").await;
    fs::write(vm.root.join("hang"), "").unwrap();
    let error = lab.download().await.unwrap_err().to_string();
    let expected = "No file could be collected. desk-1: it sent nothing for 2 s.";
    assert_eq!(error, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vm_that_stalls_in_the_middle_keeps_what_came_and_holds_up_nobody() {
    let mut lab = SshLab::new().await;
    // Long enough for the other one on a busy machine.
    lab.site.limits.stall = Duration::from_secs(8);
    let (good, stalling) = (lab.vm("desk-1").await, lab.vm("desk-2").await);
    for number in 0..30 {
        good.write(&format!("{number}.slp"), vec![number; 100_000]);
    }
    stalling.write("a.slp", "a".repeat(40_000));
    stalling.write("b.slp", "b".repeat(40_000));
    // Two files of the stream, and half of the third.
    stalling.write("c.slp", "c".repeat(40_000));
    let wait = "#!/bin/bash\nexec /bin/tar \"$@\" | { head -c 100000; \
                while [[ -e $HOME/../stall ]]; do sleep 0.05; done; }\n";
    stalling.replace_program("tar", wait);
    fs::write(stalling.root.join("stall"), "").unwrap();
    // The container's environment has no HOME.
    let desktop = stalling.without_container();
    for entry in fs::read_dir(stalling.desktop()).unwrap() {
        let entry = entry.unwrap();
        fs::rename(entry.path(), desktop.join(entry.file_name())).unwrap();
    }

    let tree = lab.download().await.unwrap();
    let count = |folder: &[u8]| tree.keys().filter(|name| name.starts_with(folder)).count();
    assert_eq!((count(b"desk-1/"), count(b"desk-2/")), (30, 2));
    assert!(result(&tree, "desk-2", "desk-2/").contains("it sent nothing for 8 s"));
    fs::remove_file(stalling.root.join("stall")).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_machine_at_the_address_is_refused_until_its_old_key_is_forgotten() {
    let lab = SshLab::new().await;
    let mut vm = lab.vm("desk-1").await;
    vm.write("a.slp", "one");
    lab.download().await.unwrap();
    let key = lab.text("select ssh_host_key from vm").await.unwrap();
    assert!(fs::read_to_string(vm.root.join("host_key.pub")).unwrap().starts_with(&key), "{key}");
    lab.download().await.unwrap();

    vm.reinstall();
    let error = lab.download().await.unwrap_err().to_string();
    assert!(error.contains("its SSH host key is not the one that it showed at first"), "{error}");
    assert!(error.contains("let LabLink forget its old key"), "{error}");
    assert_eq!(lab.text("select ssh_host_key from vm").await.unwrap(), key);
    lab.sql("update vm set ssh_host_key = null").await;
    lab.download().await.unwrap();
    assert_ne!(lab.text("select ssh_host_key from vm").await.unwrap(), key);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_read_are_named_and_never_half_in_the_archive() {
    let lab = SshLab::new().await;
    let vm = lab.vm("desk-1").await;
    vm.write("good.slp", "good");
    vm.write("private\n1.slp", "private");
    let private = vm.desktop().join("private\n1.slp");
    fs::set_permissions(&private, fs::Permissions::from_mode(0o000)).unwrap();
    vm.write("vanishing.slp", "gone");
    vm.write("growing.slp", vec![0; 8_000_000]);
    vm.write("z.slp", "after it");
    // tar as somebody who may not read everything, while another program writes.
    let as_nobody = if is_root() { "setpriv --reuid 65534 --clear-groups" } else { "env" };
    let desktop = vm.desktop();
    let tar = format!(
        "#!/bin/bash\nrm '{desktop}/vanishing.slp'\n\
         (exec >/dev/null 2>&1 </dev/null; for i in {{1..400}}; do echo more; sleep 0.005; done \
         >>'{desktop}/growing.slp') &\nsleep 0.05\nexec {as_nobody} /bin/tar \"$@\"\n",
        desktop = desktop.display()
    );
    vm.replace_program("tar", &tar);

    let tree = lab.download().await.unwrap();
    let names: Vec<&[u8]> = tree.keys().map(Vec::as_slice).collect();
    assert_eq!(names, [b"REPORT.csv".as_slice(), b"desk-1/good.slp", b"desk-1/z.slp"]);
    let says = |file: &str, what: &str| {
        let result = result(&tree, "desk-1", file);
        assert!(result.contains(what), "{file}: {result}");
    };
    says("desk-1/private\n1.slp", "not read: Cannot open: Permission denied");
    says("desk-1/vanishing.slp", "No such file or directory");
    says("desk-1/growing.slp", "file changed as we read it");
    says("desk-1/", "3 files could not be read");
}
