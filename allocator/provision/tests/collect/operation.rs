use std::{
    fs,
    time::{Duration, Instant, SystemTime},
};

use lablink_core::operations::{self, OperationId, OperationState, Stage};

use crate::{
    killed::processes,
    lab::{SshLab, admin, eventually, kinds},
    sshd::Vm,
    unpack,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_tried_again_alone() {
    let lab = SshLab::new().await;
    let (good, refusing) = (lab.vm("desk-1").await, lab.vm("desk-2").await);
    good.write("a.slp", "one");
    refusing.write("b.slp", "two");
    let keys = refusing.root.join("authorized_keys");
    let right = fs::read(&keys).unwrap();
    fs::write(&keys, "").unwrap();
    let _working = lab.work();

    let first = lab.ended(lab.ask().await).await;
    assert_eq!(first.state, OperationState::Failed);
    let reason = first.reason.unwrap();
    assert!(reason.starts_with("desk-2 did not give everything."), "{reason}");
    assert!(lab.kept(first.id).contains_key(b"desk-1/a.slp".as_slice()));
    let steps = operations::steps(&lab.db, first.id).await.unwrap();
    let stages: Vec<_> = steps.iter().map(|step| (step.hostname.as_str(), step.stage)).collect();
    assert_eq!(stages, [("desk-2", Stage::Failed), ("desk-1", Stage::Done)]);
    assert_eq!(steps[1].detail.as_deref(), Some("1 file, 3 B"));
    assert!(steps.iter().all(|step| step.started_at.is_some() && step.finished_at.is_some()));
    assert_eq!((first.done, first.total), (1, 1));
    let log = operations::log(&lab.db, first.id, 100).await.unwrap();
    let lines: Vec<&str> = log.iter().map(|line| line.line.as_str()).collect();
    assert_eq!(lines[0], "Found 1 file (3 B) on 2 VMs");
    assert!(
        lines.iter().any(|line| line.contains("but it refuses LabLink's SSH key")),
        "{lines:?}"
    );

    fs::write(&keys, right).unwrap();
    let again = operations::retry(&lab.by(admin()), &kinds(), first.id).await.unwrap();
    let again = lab.ended(again).await;
    assert_eq!((again.state, again.reason), (OperationState::Succeeded, None));
    let tree = lab.kept(again.id);
    assert!(tree.contains_key(b"desk-2/b.slp".as_slice()) && tree.len() == 2, "{:?}", tree.keys());
    assert_eq!(unpack::report(&tree).len(), 1);
    let rows = lab.text(
        "select string_agg(vm.hostname || ' ' || files || ' ' || bytes, ', ' order by operation_id, hostname)
         from collection_vm join vm on vm.id = vm_id",
    );
    assert_eq!(rows.await.unwrap(), "desk-1 1 3, desk-2 0 0, desk-2 1 3");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_nothing_it_succeeds_and_keeps_nothing() {
    let lab = SshLab::new().await;
    let _vm = lab.vm("desk-1").await;
    let _working = lab.work();
    let operation = lab.ended(lab.ask().await).await;
    assert_eq!(operation.state, OperationState::Succeeded);
    assert!(operation.reason.unwrap().starts_with("No slp files found in any VMs"));
    assert_eq!(lab.text("select count(*)::text from collection_vm").await.unwrap(), "1");
    assert!(lab.shelf().is_empty());
}

/// Two VMs, the second of which hangs while it sends, and the collection that has come so far.
async fn until_one_hangs(lab: &SshLab, names: [&str; 2]) -> (OperationId, [Vm; 2]) {
    let (good, hanging) = (lab.vm(names[0]).await, lab.vm(names[1]).await);
    good.write("a.slp", vec![7; 3_000_000]);
    hanging.write("b.slp", vec![8; 3_000_000]);
    hanging.stop_after(2_000_000);
    let id = lab.ask().await;
    eventually("a torso is there", || lab.shelf() == [format!("{id}.zip.part")]).await;
    let start = Instant::now();
    loop {
        let steps = operations::steps(&lab.db, id).await.unwrap();
        let at = |name: &str| steps.iter().find(|step| step.hostname.as_str() == name).unwrap();
        let detail = at(names[1]).detail.as_deref().unwrap_or_default();
        let came = detail.starts_with("0 of 1 file, 2.0 MB of 3.0 MB");
        if at(names[0]).stage == Stage::Done && came {
            return (id, [good, hanging]);
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{steps:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_is_obeyed_at_once_and_leaves_an_archive_with_what_came() {
    let lab = SshLab::new().await;
    let _working = lab.work();
    let (id, _vms) = until_one_hangs(&lab, ["cancel-1", "cancel-2"]).await;
    assert_eq!(processes("HostKeyAlias=cancel-2").len(), 1);
    let before = Instant::now();
    assert!(operations::cancel(&lab.by(admin()), &kinds(), id).await.unwrap());
    let operation = lab.ended(id).await;
    assert_eq!(operation.state, OperationState::Cancelled);
    assert!(before.elapsed() < Duration::from_secs(10), "{:?}", before.elapsed());
    eventually("ssh has ended", || processes("HostKeyAlias=cancel-2").is_empty()).await;
    let tree = lab.kept(id);
    assert!(tree[b"cancel-1/a.slp".as_slice()] == vec![7; 3_000_000] && tree.len() == 2);
    let results: Vec<String> = unpack::report(&tree).iter().map(|row| row[6].clone()).collect();
    let why = "the collection was stopped before it came";
    let expected = ["complete", &format!("incomplete: {why}"), &format!("not read: {why}")];
    assert_eq!(results, expected);
    let failures = "select string_agg(coalesce(failure, '-'), ', ' order by files desc)
                    from collection_vm";
    assert_eq!(lab.text(failures).await.unwrap(), format!("-, {why}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_of_the_allocator_is_obeyed_at_once_and_leaves_nothing() {
    let lab = SshLab::new().await;
    let working = lab.work();
    let (id, _vms) = until_one_hangs(&lab, ["stop-1", "stop-2"]).await;
    let before = Instant::now();
    working.shutdown.cancel();
    let operation = lab.ended(id).await;
    assert_eq!(operation.state, OperationState::Interrupted);
    assert!(before.elapsed() < Duration::from_secs(10), "{:?}", before.elapsed());
    eventually("ssh has ended", || processes("HostKeyAlias=stop-2").is_empty()).await;
    assert!(lab.shelf().is_empty(), "{:?}", lab.shelf());
    working.task.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn too_little_space_is_told_before_anything_is_fetched() {
    let mut lab = SshLab::new().await;
    lab.site.limits.bytes_per_vm = u64::MAX;
    let vm = lab.vm("desk-1").await;
    vm.write("a.slp", "one");
    // The list is all that is believed before the disk is looked at.
    let find = "#!/bin/sh\nprintf '3,8 a.slp\\0900000000000000,1757812500000 huge.slp\\0'\n";
    vm.replace_program("find", find);
    let _working = lab.work();
    let operation = lab.ended(lab.ask().await).await;
    assert_eq!(operation.state, OperationState::Failed);
    let reason = operation.reason.unwrap();
    assert!(reason.starts_with("desk-1 gave nothing"), "{reason}");
    assert!(reason.contains("900 TB are needed"), "{reason}");
    assert!(reason.contains("are free") && lab.shelf().is_empty(), "{reason}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_archives_go_beyond_the_bounds() {
    let mut lab = SshLab::new().await;
    lab.site.retention.archives = 2;
    let vm = lab.vm("desk-1").await;
    vm.write("a.slp", "one");
    fs::write(lab.path("collections/99.zip.part"), "left by a killed allocator").unwrap();
    let unknown = fs::File::create(lab.path("collections/98.zip")).unwrap();
    let long_ago = SystemTime::now() - Duration::from_hours(2);
    unknown.set_modified(long_ago).unwrap();
    let _working = lab.work();
    assert_eq!(lab.shelf(), ["98.zip"]);
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(lab.ended(lab.ask().await).await.id);
    }
    let expected = [format!("{}.zip", ids[1]), format!("{}.zip", ids[2])];
    eventually("the oldest is gone", || lab.shelf() == expected).await;
    let start = Instant::now();
    let query = "select string_agg((removed_at is not null)::text, ' ' order by operation_id) from collection";
    while lab.text(query).await.unwrap() != "true false false" {
        assert!(start.elapsed() < Duration::from_secs(60), "its row does not say so");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
