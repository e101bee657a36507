//! Collections of results as rows: who is asked, what came, what is kept, what it is followed by.

use std::time::Duration;

use lablink_core::{
    Actor,
    collections::{self, ChooseError, Collect, Collected, Kept, OnSkipped, Retention},
    events::{self, Kind},
    operations::{self, Destroy, OperationId, OperationState, Outcome},
    pools::Extension,
    vms::{SelectError, Selection, VmsError},
};

use crate::scene::{Scene, admin, kinds, name};

fn extension() -> Extension {
    "slp".parse().unwrap()
}

fn these(hostnames: Option<&[&str]>) -> Selection {
    let named = hostnames.map(|names| names.iter().map(|it| name(it)).collect());
    named.map_or(Selection::All, Selection::These)
}

async fn collect(scene: &Scene, hostnames: Option<&[&str]>) -> OperationId {
    let scope = scene.by(admin());
    collections::collect(&scope, &these(hostnames), extension()).await.unwrap()
}

fn whole(hostname: &str) -> Collected {
    let hostname = name(hostname);
    Collected {
        hostname,
        files: 2,
        bytes: 2048,
        unread: 0,
        skipped: 1,
        skipped_what: Some("results (a link to the folder /disk)".to_owned()),
        seconds: 0.5,
        failure: None,
    }
}

/// What came of an operation, written as its worker does. Each VM with its failure, if any.
async fn came(scene: &Scene, id: OperationId, vms: &[(&str, Option<&str>)], size: i64) {
    let vms: Vec<Collected> = vms
        .iter()
        .map(|(name, failure)| Collected { failure: failure.map(str::to_owned), ..whole(name) })
        .collect();
    let kept =
        Kept { file_name: format!("lablink_data{id}.zip"), size, kept_by: "alloc-1".to_owned() };
    let kept = Some(&kept).filter(|_| size > 0);
    collections::record(&scene.scope(), id, &vms, kept).await.unwrap();
}

async fn run(scene: &Scene, state: OperationState) -> OperationId {
    let taken = operations::take(&scene.scope(), "worker", &kinds()).await.unwrap().unwrap();
    let outcome = Outcome { state, exit_code: None, reason: None };
    taken.lease.finish(&outcome).await.unwrap();
    taken.operation.id
}

const ONE: &str = "lablink-vm-test-1";
const TWO: &str = "lablink-vm-test-2";

#[tokio::test]
async fn all_vms_are_meant_or_those_that_are_named() {
    let scene = Scene::with_running(2).await;
    let all = collect(&scene, None).await;
    assert_eq!(scene.hostnames_of(all).await, [ONE, TWO]);
    let some = collect(&scene, Some(&[TWO, TWO])).await;
    assert_eq!(scene.hostnames_of(some).await, [TWO]);
    let found = collections::find(&scene.scope(), some).await.unwrap().unwrap();
    assert_eq!((found.extension.as_str(), found.archive, found.vms), ("slp", None, vec![]));
    assert_eq!(found.operation.total, 0, "nobody has counted the files");

    let unknown = these(Some(&[ONE, "nobody"]));
    let refused = collections::collect(&scene.by(admin()), &unknown, extension()).await;
    let refused = refused.unwrap_err();
    assert!(
        matches!(&refused, ChooseError::Selection(SelectError::NoSuchVm(name)) if name.as_str() == "nobody")
    );
    let empty = Scene::new().await;
    let refused = collections::collect(&empty.by(admin()), &these(None), extension()).await;
    assert_eq!(refused.unwrap_err().to_string(), "No VMs found in the database.");
}

#[tokio::test]
async fn what_came_of_each_vm_is_told_and_who_failed_is_collected_again() {
    let scene = Scene::with_running(2).await;
    let id = collect(&scene, None).await;
    let failures = [(ONE, None), (TWO, Some("It did not answer."))];
    came(&scene, id, &failures, 4096).await;
    came(&scene, id, &failures, 4096).await;
    run(&scene, OperationState::Succeeded).await;
    run(&scene, OperationState::Failed).await;
    let listed = collections::list(&scene.scope(), None, 10).await.unwrap();
    assert_eq!(listed.len(), 1, "a launch is none");
    assert_eq!(listed[0].archive.as_ref().unwrap().kept.size, 4096);
    assert_eq!(listed[0].vms[0], whole(ONE));
    assert_eq!(listed[0].vms[1].failure.as_deref(), Some("It did not answer."));
    assert!(collections::list(&scene.scope(), Some(id), 10).await.unwrap().is_empty());

    let again = operations::retry(&scene.by(admin()), &kinds(), id).await.unwrap();
    let again = operations::find(&scene.scope(), again).await.unwrap().unwrap();
    let on_skipped = OnSkipped::Accept;
    let job = Collect { hostnames: vec![name(TWO)], extension: extension(), on_skipped };
    assert_eq!(again.job().unwrap(), Some(job));
    let events = events::recent(&scene.scope(), None, 20).await.unwrap();
    let told: Vec<_> = events.iter().filter(|it| it.kind == Some(Kind::ResultsCollected)).collect();
    assert_eq!(told.len(), 1, "once");
    assert_eq!((&told[0].data["files"], &told[0].data["failed"]), (&4.into(), &1.into()));
}

#[tokio::test]
async fn the_last_time_counts_what_came_whole_and_is_not_lost_again() {
    let scene = Scene::with_running(2).await;
    let last = async || {
        let last = collections::last_whole(&scene.scope(), &[name(ONE), name(TWO)]).await.unwrap();
        let mut names: Vec<String> = last.keys().map(ToString::to_string).collect();
        names.sort();
        names
    };
    assert!(last().await.is_empty());
    let id = collect(&scene, None).await;
    came(&scene, id, &[(ONE, None), (TWO, Some("Half of it came."))], 10).await;
    assert_eq!(last().await, [ONE]);
    assert!(collections::discarded(&scene.by(admin()), id).await.unwrap());
    assert!(last().await.is_empty(), "nobody had it, and it is gone");

    let id = collect(&scene, None).await;
    came(&scene, id, &[(ONE, None), (TWO, None)], 10).await;
    collections::taken(&scene.by(admin()), id, 0..10).await.unwrap();
    assert!(collections::discarded(&scene.by(admin()), id).await.unwrap());
    assert!(!collections::discarded(&scene.by(admin()), id).await.unwrap());
    assert_eq!(last().await, [ONE, TWO], "somebody has it");
    let archive = collections::find(&scene.scope(), id).await.unwrap().unwrap().archive;
    let archive = archive.unwrap();
    assert!(archive.downloaded_at.is_some() && archive.removed_at.is_some());
    let events = events::recent(&scene.scope(), None, 2).await.unwrap();
    let told: Vec<_> = events.iter().map(|it| (it.word.as_str(), it.actor.as_str())).collect();
    assert_eq!(
        told,
        [("results.discarded", "admin:teacher"), ("results.downloaded", "admin:teacher")]
    );

    scene.remove(ONE).await;
    assert_eq!(last().await, [TWO]);
}

#[tokio::test]
async fn what_two_people_have_of_an_archive_is_no_whole_one() {
    let scene = Scene::with_running(1).await;
    let id = collect(&scene, None).await;
    came(&scene, id, &[(ONE, None)], 10).await;
    let other = Actor::Admin("helper".to_owned());
    let taken = async |actor: &Actor, bytes| {
        collections::taken(&scene.by(actor.clone()), id, bytes).await.unwrap();
        let found = collections::find(&scene.scope(), id).await.unwrap().unwrap();
        found.archive.unwrap().downloaded_at.is_some()
    };
    assert!(!taken(&admin(), 0..6).await);
    assert!(!taken(&other, 6..10).await);
    assert!(!taken(&admin(), 7..10).await);
    assert!(!taken(&admin(), 3..3).await);
    assert!(taken(&admin(), 5..7).await);
    assert_eq!(scene.count("select count(*) from collection_download").await, 1, "the other's");
}

#[tokio::test]
async fn a_vm_without_a_file_has_been_collected_whole_though_there_is_no_archive() {
    let scene = Scene::with_running(1).await;
    let id = collect(&scene, None).await;
    came(&scene, id, &[(ONE, None)], 0).await;
    let last = collections::last_whole(&scene.scope(), &[name(ONE), name(TWO)]).await.unwrap();
    assert!(last.contains_key(&name(ONE)));
}

#[tokio::test]
async fn a_destroy_waits_behind_its_collection_and_nobody_can_claim_meanwhile() {
    let scene = Scene::with_running(2).await;
    run(&scene, OperationState::Succeeded).await;
    let selection = Selection::These(vec![name(ONE)]);
    let ask = async |selection| {
        let (scope, stop) = (scene.by(admin()), OnSkipped::Stop);
        collections::collect_and_destroy(&scope, selection, extension(), stop).await
    };
    let destroy = ask(&selection).await.unwrap();
    let granted = scene.claim("ada@example.org", "4/x").await.unwrap();
    assert_eq!(granted.hostname.as_str(), TWO, "what goes is not handed out");
    let first = operations::take(&scene.scope(), "worker", &kinds()).await.unwrap().unwrap();
    let hostnames = vec![name(ONE)];
    let on_skipped = OnSkipped::Stop;
    let collecting = Collect { hostnames: hostnames.clone(), extension: extension(), on_skipped };
    assert_eq!(first.operation.job().unwrap(), Some(collecting));
    let behind = operations::find(&scene.scope(), destroy).await.unwrap().unwrap();
    assert_eq!(behind.job().unwrap(), Some(Destroy { hostnames }));
    assert_eq!(behind.after, Some(first.operation.id));

    let nobody = Selection::These(vec![name("nobody")]);
    let refused = ask(&nobody).await.unwrap_err();
    assert!(matches!(
        refused,
        operations::AskError::Vms(VmsError::Selection(SelectError::NoSuchVm(_)))
    ));
    assert_eq!(scene.count("select count(*) from operation").await, 3, "neither is queued");

    // Tried again after a collection that failed, it is a destroy without one.
    first.lease.finish(&Outcome::succeeded()).await.unwrap();
    run(&scene, OperationState::Failed).await;
    let again = operations::retry(&scene.by(admin()), &kinds(), destroy).await.unwrap();
    let again = operations::find(&scene.scope(), again).await.unwrap().unwrap();
    assert!(again.is::<Destroy>() && again.after.is_none());
}

#[tokio::test]
async fn archives_beyond_the_bounds_are_found_and_the_newest_stays() {
    let scene = Scene::with_running(1).await;
    let mut ids = Vec::new();
    for size in [30, 20, 10, 500] {
        let id = collect(&scene, None).await;
        came(&scene, id, &[(ONE, None)], size).await;
        ids.push(id);
    }
    let beyond = async |hours, bytes, archives| {
        let retention = Retention { age: Duration::from_hours(hours), bytes, archives };
        collections::beyond(&scene.scope(), "alloc-1", &retention).await.unwrap()
    };
    assert!(beyond(24, 560, 4).await.is_empty());
    assert_eq!(beyond(24, 559, 4).await, ids[..1]);
    assert_eq!(beyond(24, 1, 4).await, ids[..3], "however large the newest is");
    assert_eq!(beyond(24, 1000, 2).await, ids[..2]);
    scene.sql("update collection set finished_at = now() - interval '25 hours'").await;
    assert_eq!(beyond(24, 1000, 4).await, ids);
    collections::discarded(&scene.by(admin()), ids[0]).await.unwrap();
    assert_eq!(beyond(24, 1000, 4).await, ids[1..]);
    scene.sql("update collection set kept_by = 'alloc-2'").await;
    assert!(beyond(24, 1000, 4).await.is_empty(), "another's");
}
