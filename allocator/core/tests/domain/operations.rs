use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use lablink_core::{
    operations::{
        self, LeaseError, LogLevel, OperationId, OperationState, Outcome, Report, RetryError,
        Stage, Step,
    },
    vms::{self, SelectError, Selection, VmsError},
};

use crate::scene::{Scene, admin, kinds, name};

async fn take(scene: &Scene) -> Option<operations::Taken> {
    operations::take(&scene.scope(), "worker", &kinds()).await.unwrap()
}

#[tokio::test]
async fn launches_take_the_lowest_free_numbers() {
    let scene = Scene::new().await;
    let first = scene.launch(3).await;
    assert_eq!(
        scene.hostnames_of(first).await,
        ["lablink-vm-test-1", "lablink-vm-test-2", "lablink-vm-test-3"]
    );
    scene.remove("lablink-vm-test-2").await;
    let second = scene.launch(2).await;
    assert_eq!(scene.hostnames_of(second).await, ["lablink-vm-test-2", "lablink-vm-test-4"]);
}

#[tokio::test]
async fn operations_are_counted_as_they_change() {
    let scene = Scene::new().await;
    for vms in 1..=4 {
        scene.launch(vms).await;
    }
    let counted = async || {
        let mut counted = operations::counts(&scene.scope()).await.unwrap();
        counted.sort();
        counted
    };
    let of = |state: &str, count: i64| ("launch".to_owned(), state.to_owned(), count);
    assert_eq!(counted().await, [of("queued", 4)]);
    let first = take(&scene).await.unwrap();
    let last = operations::recent(&scene.scope(), None, 1).await.unwrap()[0].id;
    assert!(operations::cancel(&scene.by(admin()), &kinds(), last).await.unwrap());
    assert_eq!(counted().await, [of("cancelled", 1), of("queued", 2), of("running", 1)]);
    first.lease.finish(&Outcome::succeeded()).await.unwrap();
    assert_eq!(counted().await, [of("cancelled", 1), of("queued", 2), of("succeeded", 1)]);
}

#[tokio::test]
async fn vms_that_launches_will_make_are_counted_until_they_are_begun() {
    let scene = Scene::new().await;
    let coming = async || operations::still_to_come(&scene.scope()).await.unwrap();
    assert_eq!(coming().await, 0);
    for vms in [3, 2] {
        scene.launch(vms).await;
    }
    assert_eq!(coming().await, 5);
    let lease = take(&scene).await.unwrap().lease;
    let step = |number: u32, stage| Step {
        stage,
        ..Step::waiting(name(&format!("lablink-vm-test-{number}")))
    };
    let steps = [step(1, Stage::Creating), step(2, Stage::Done), step(3, Stage::Waiting)];
    lease.advance(&Report { steps: &steps, ..Report::default() }).await.unwrap();
    assert_eq!(coming().await, 3, "AWS counts the other two");
    lease.finish(&Outcome::succeeded()).await.unwrap();
    assert_eq!(coming().await, 2);
    scene.remove("lablink-vm-test-4").await;
    assert_eq!(coming().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn launches_at_once_take_different_numbers() {
    let scene = Scene::new().await;
    join_all((0..10).map(|_| scene.launch(5))).await;
    assert_eq!(scene.count("select count(distinct hostname) from vm").await, 50);
    assert_eq!(scene.count("select max(number)::bigint from vm").await, 50);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_operation_runs_at_a_time_in_order() {
    let scene = Scene::new().await;
    let ids = [scene.launch(1).await, scene.launch(1).await];
    let taken = join_all((0..8).map(|_| take(&scene))).await;
    let taken: Vec<_> = taken.into_iter().flatten().collect();
    assert_eq!(taken.len(), 1, "eight workers, one gets it");
    assert_eq!(taken[0].operation.id, ids[0]);
    assert!(take(&scene).await.is_none());

    taken[0].lease.finish(&Outcome::succeeded()).await.unwrap();
    assert_eq!(take(&scene).await.unwrap().operation.id, ids[1]);
}

#[tokio::test]
async fn an_abandoned_operation_goes_to_another_and_the_old_worker_is_refused() {
    let scene = Scene::new().await;
    scene.launch(1).await;
    let old = take(&scene).await.unwrap();
    assert!(!old.abandoned);
    assert!(take(&scene).await.is_none(), "its lease is good");

    scene.sql("update operation set lease_expires_at = now() - interval '1 second'").await;
    let new = take(&scene).await.unwrap();
    assert!(new.abandoned);
    assert!(matches!(old.lease.renew().await, Err(LeaseError::Lost)));
    assert!(matches!(old.lease.advance(&Report::default()).await, Err(LeaseError::Lost)));
    assert!(matches!(old.lease.finish(&Outcome::succeeded()).await, Err(LeaseError::Lost)));
    new.lease.finish(&Outcome::succeeded()).await.unwrap();
    assert!(matches!(new.lease.renew().await, Err(LeaseError::Lost)), "it is over");
}

#[tokio::test]
async fn progress_and_log_are_kept_in_order() {
    let scene = Scene::new().await;
    let id = scene.launch(2).await;
    let taken = take(&scene).await.unwrap();
    let line = |level, text: &str| (level, text.to_owned());
    let lines = [line(LogLevel::Info, "one"), line(LogLevel::Error, "two")];
    taken
        .lease
        .advance(&Report { done: 1, total: 2, lines: &lines, ..Report::default() })
        .await
        .unwrap();
    let lines = [line(LogLevel::Info, "three")];
    taken
        .lease
        .advance(&Report { done: 2, total: 2, lines: &lines, ..Report::default() })
        .await
        .unwrap();

    let log = operations::log(&scene.db, id, 100).await.unwrap();
    assert_eq!(log.iter().map(|it| it.line.as_str()).collect::<Vec<_>>(), ["one", "two", "three"]);
    let newest = operations::log(&scene.db, id, 2).await.unwrap();
    assert_eq!(newest.iter().map(|it| it.line.as_str()).collect::<Vec<_>>(), ["two", "three"]);
    let operation = operations::find(&scene.scope(), id).await.unwrap().unwrap();
    assert_eq!((operation.done, operation.total), (2, 2));
}

#[tokio::test]
async fn a_queued_operation_can_be_taken_back_whole() {
    let scene = Scene::with_running(2).await;
    let running = take(&scene).await.unwrap();
    let destroy = operations::destroy(&scene.by(admin()), &Selection::All).await.unwrap();
    let launch = scene.launch(3).await;
    for id in [destroy, launch] {
        assert!(operations::cancel(&scene.by(admin()), &kinds(), id).await.unwrap());
        let operation = operations::find(&scene.scope(), id).await.unwrap().unwrap();
        assert_eq!(operation.state, OperationState::Cancelled);
        assert!(!operations::cancel(&scene.by(admin()), &kinds(), id).await.unwrap());
    }
    let vms = vms::list(&scene.scope()).await.unwrap();
    assert_eq!(vms.len(), 2, "the three that were to be made are gone");
    assert!(vms.iter().all(|vm| !vm.removing), "the two that were to go stay");

    assert!(operations::cancel(&scene.by(admin()), &kinds(), running.operation.id).await.unwrap());
    assert!(running.lease.renew().await.unwrap(), "a running one is told");
}

#[tokio::test]
async fn a_destroy_names_what_is_there_and_nothing_else() {
    let scene = Scene::with_running(2).await;
    let destroy = async |selection| operations::destroy(&scene.by(admin()), &selection).await;
    let unknown = Selection::These(vec![name("lablink-vm-test-1"), name("lablink-vm-test-9")]);
    let refused = destroy(unknown).await.unwrap_err();
    assert!(matches!(
        refused,
        operations::AskError::Vms(VmsError::Selection(SelectError::NoSuchVm(_)))
    ));
    assert_eq!(scene.count("select count(*) from vm where removing_at is not null").await, 0);

    let id = destroy(Selection::These(vec![name("lablink-vm-test-1")])).await.unwrap();
    assert_eq!(scene.hostnames_of(id).await, ["lablink-vm-test-1"]);
    let granted = scene.claim("ada@example.org", "4/x").await.unwrap();
    assert_eq!(granted.hostname.as_str(), "lablink-vm-test-2", "what goes is not handed out");

    scene.sql("update vm set source = 'manual'").await;
    let nothing = destroy(Selection::All).await.unwrap_err();
    assert!(matches!(nothing, operations::AskError::Vms(VmsError::NothingSelected)));
}

/// A launch of two VMs that failed with one of them.
async fn with_a_failure() -> (Scene, OperationId) {
    let scene = Scene::new().await;
    let id = scene.launch(2).await;
    let failed = Outcome {
        state: OperationState::Failed,
        exit_code: Some(1),
        reason: Some("No room.".to_owned()),
    };
    take(&scene).await.unwrap().lease.finish(&failed).await.unwrap();
    let unmade = [(scene.vm_id("lablink-vm-test-2").await, "No room.".to_owned())];
    vms::fail(&scene.scope(), &unmade).await.unwrap();
    (scene, id)
}

#[tokio::test]
async fn a_retry_is_of_what_failed_and_of_nothing_else() {
    let (scene, id) = with_a_failure().await;
    let retry = async || operations::retry(&scene.by(admin()), &kinds(), id).await;
    let again = retry().await.unwrap();
    assert_eq!(scene.hostnames_of(again).await, ["lablink-vm-test-2"]);
    assert!(matches!(retry().await, Err(RetryError::NothingLeft)), "it is queued already");

    operations::cancel(&scene.by(admin()), &kinds(), again).await.unwrap();
    let vms = vms::list(&scene.scope()).await.unwrap();
    assert_eq!(vms[1].status_reason.as_deref(), Some("No room."), "it is what it was");
    assert!(retry().await.is_ok());
    let missing = operations::retry(&scene.by(admin()), &kinds(), 99.into()).await;
    assert!(matches!(missing, Err(RetryError::NoSuchOperation)));
}

#[tokio::test]
async fn steps_keep_their_times_and_what_was_not_finished_says_so() {
    let scene = Scene::new().await;
    let id = scene.launch(2).await;
    let taken = take(&scene).await.unwrap();
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut first = Step::waiting(name("lablink-vm-test-1"));
    let second = Step::waiting(name("lablink-vm-test-2"));
    let tell = async |steps: &[Step]| {
        let report = Report { total: 2, steps, ..Report::default() };
        taken.lease.advance(&report).await.unwrap();
    };
    tell(&[first.clone(), second]).await;
    first.stage = Stage::Done;
    first.started_at = Some(start);
    first.finished_at = Some(start + Duration::from_secs(7));
    tell(std::slice::from_ref(&first)).await;
    taken.lease.finish(&Outcome::succeeded()).await.unwrap();
    let steps = operations::steps(&scene.db, id).await.unwrap();
    assert_eq!(steps[0], first);
    assert_eq!(steps[1].stage, Stage::Unfinished);
}

#[tokio::test]
async fn the_usual_time_is_that_of_jobs_of_like_size() {
    let scene = Scene::new().await;
    let usual = async |id| {
        let operation = operations::find(&scene.scope(), id).await.unwrap().unwrap();
        operations::usual_seconds(&scene.scope(), &operation).await.unwrap()
    };
    for (vms, seconds) in [(4, 40), (5, 50), (6, 900), (40, 400)] {
        let id = scene.launch(vms).await;
        take(&scene).await.unwrap().lease.finish(&Outcome::succeeded()).await.unwrap();
        let sql = format!(
            "update operation set started_at = finished_at - interval '{seconds} s' where id = {id}"
        );
        scene.sql(&sql).await;
    }
    assert_eq!(usual(scene.launch(5).await).await, Some(50));
    assert_eq!(usual(scene.launch(1).await).await, None);
}
