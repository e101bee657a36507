//! The worker, with a runner of its own.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;
use lablink_core::{
    live::Hub,
    operations::{
        self, Ask, Lane, LeaseError, LogLevel, Operation, OperationId, OperationState, Outcome,
        Report,
    },
    vms,
    worker::{Attempt, Ended, Runner, Runners, Trouble, Turn, Worker, WorkerParts},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::{
    errand::{Errand, ask, errand, events_of, find, finish, known, take},
    scene::{Scene, admin, name},
};

/// Runs errands as their words say.
#[derive(Default)]
struct Errands {
    begun: AtomicI32,
    done: Mutex<Vec<String>>,
    part_done: Mutex<Vec<String>>,
}

impl Runner<Errand> for Errands {
    type Left = Vec<String>;

    async fn attempt(
        &self,
        job: &Errand,
        turn: &mut Turn,
    ) -> Result<Attempt<Vec<String>>, Trouble> {
        let begun = self.begun.fetch_add(1, Ordering::Relaxed);
        let lines = [(LogLevel::Info, format!("On the way: {}", job.what))];
        let report = Report { done: 1, total: 2, lines: &lines, ..Report::default() };
        turn.lease.advance(&report).await?;
        let ended = match job.what.as_str() {
            "wait" => Ended::stopped_by(turn.held.stopped(None).await),
            "break down" => panic!("as a fault would"),
            "refuse" => return Err(Trouble::Other("Nobody opens.".to_owned())),
            "stumble" if begun < 2 => Ended::Passing { reason: "The road is closed.".to_owned() },
            "refused" => Ended::Refused { reason: "Half of the way.".to_owned() },
            "never" => Ended::Passing { reason: "The road is closed.".to_owned() },
            _ => Ended::Succeeded,
        };
        Ok(Attempt { ended, left: vec![job.what.clone()] })
    }

    async fn put_off(
        &self,
        _job: &Errand,
        _turn: &Turn,
        left: &mut Vec<String>,
    ) -> Result<(), LeaseError> {
        self.part_done.lock().unwrap().append(left);
        Ok(())
    }

    async fn settle(
        &self,
        _job: &Errand,
        _turn: &Turn,
        _outcome: &Outcome,
        left: &mut Vec<String>,
    ) -> Result<(), LeaseError> {
        self.done.lock().unwrap().append(left);
        Ok(())
    }
}

/// A worker that runs errands; it vanishes when it is dropped.
struct AtWork {
    errands: Arc<Errands>,
    shutdown: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl AtWork {
    fn new(scene: &Scene) -> Self {
        let (errands, shutdown) = (Arc::new(Errands::default()), CancellationToken::new());
        let refusal = "There is no Terraform here.";
        let worker = Worker::new(WorkerParts {
            scope: scene.scope(),
            hub: Hub::default(),
            owner: "test".to_owned(),
            runners: Arc::new(
                Runners::default()
                    .with::<Errand>(&errands)
                    .refusing::<operations::Launch>(refusal)
                    .refusing::<operations::Destroy>(refusal),
            ),
        });
        let task = AbortOnDropHandle::new(tokio::spawn(worker.run(shutdown.clone())));
        Self { errands, shutdown, task }
    }
}

async fn in_state(scene: &Scene, id: OperationId, state: OperationState) -> Operation {
    let begun = std::time::Instant::now();
    loop {
        let operation = find(scene, id).await;
        if operation.state == state {
            return operation;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "{operation:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_of_any_kind_is_carried_out_to_its_written_end() {
    let scene = Scene::new().await;
    let at_work = AtWork::new(&scene);
    let id = ask(&scene, &Ask::of(&errand("bread", "a"))).await;
    let ended = in_state(&scene, id, OperationState::Succeeded).await;
    assert_eq!((ended.done, ended.total, ended.attempts), (1, 2, 1));
    assert_eq!(*at_work.errands.done.lock().unwrap(), ["bread"]);
    let log = operations::log(&scene.db, id, 9).await.unwrap();
    assert_eq!(log[0].line, "On the way: bread");
    for (what, reason) in [("refuse", "Nobody opens."), ("break down", "fault in LabLink")] {
        let id = ask(&scene, &Ask::of(&errand(what, "a"))).await;
        let ended = in_state(&scene, id, OperationState::Failed).await;
        assert!(ended.reason.unwrap().contains(reason));
    }
    // What only the kind knows of an end without a beginning.
    let launch = scene.launch(1).await;
    in_state(&scene, launch, OperationState::Failed).await;
    let vms = vms::list(&scene.scope()).await.unwrap();
    assert_eq!(vms[0].status_reason.as_deref(), Some("There is no Terraform here."));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_to_follow_a_failure_is_called_off() {
    let scene = Scene::with_running(1).await;
    finish(take(&scene).await.unwrap(), Outcome::succeeded()).await;
    let _at_work = AtWork::new(&scene);
    let first = ask(&scene, &Ask::of(&errand("refuse", "a"))).await;
    let then = ask(&scene, &Ask::of(&errand("then", "a")).after(first)).await;
    let about = vec![name("lablink-vm-test-1")];
    let destroy = Ask::of(&operations::Destroy { hostnames: about }).after(first);
    let destroy = ask(&scene, &destroy).await;
    let reason = in_state(&scene, then, OperationState::Failed).await.reason.unwrap();
    assert!(reason.contains(&format!("operation {first} had to succeed")), "{reason}");
    let reason = in_state(&scene, destroy, OperationState::Failed).await.reason.unwrap();
    assert!(reason.starts_with("Nothing was destroyed"), "{reason}");
    assert!(scene.claim("ada@example.org", "4/x").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_may_pass_is_tried_again_after_growing_pauses() {
    let scene = Scene::new().await;
    let at_work = AtWork::new(&scene);
    let id = ask(&scene, &Ask::of(&errand("stumble", "a"))).await;
    for attempt in 1..=2 {
        let (begun, pause) = (std::time::Instant::now(), 15 * attempt);
        let put_off = loop {
            let operation = find(&scene, id).await;
            if operation.state == OperationState::Queued && operation.attempts == attempt {
                break operation;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{operation:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        let said = format!("Attempt {attempt} of 3 failed: The road is closed.");
        assert_eq!(put_off.reason.as_deref(), Some(said.as_str()));
        let wait = put_off.not_before.unwrap().duration_since(Timestamp::now()).as_secs();
        assert!((i64::from(pause) - 14..=i64::from(pause)).contains(&wait), "{wait}");
        scene.sql("update operation set not_before = now()").await;
    }
    let ended = in_state(&scene, id, OperationState::Succeeded).await;
    assert_eq!((ended.attempts, ended.reason), (3, None));
    assert_eq!(*at_work.errands.done.lock().unwrap(), ["stumble"], "only the end is settled");
    let told = events_of(&scene, id).await;
    assert_eq!(told.matches("operation.put_off").count(), 2, "{told}");
    assert_eq!(told.matches("operation.started").count(), 3, "{told}");

    let id = ask(&scene, &Ask::of(&errand("never", "a"))).await;
    let begun = std::time::Instant::now();
    let ended = loop {
        scene.sql("update operation set not_before = now() where not_before > now()").await;
        let operation = find(&scene, id).await;
        if operation.state.is_over() {
            break operation;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{operation:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert_eq!((ended.state, ended.attempts), (OperationState::Failed, 3));
    assert_eq!(ended.reason.as_deref(), Some("The road is closed."));
}

/// The errand has 3 attempts for what may pass. A part is none of these.
#[tokio::test(flavor = "multi_thread")]
async fn a_rest_that_is_refused_is_tried_for_hours_and_each_part_is_written() {
    let scene = Scene::new().await;
    let at_work = AtWork::new(&scene);
    let id = ask(&scene, &Ask::of(&errand("refused", "a"))).await;
    let begun = std::time::Instant::now();
    let after = async |attempts| loop {
        let operation = find(&scene, id).await;
        if operation.state != OperationState::Running && operation.attempts == attempts {
            return operation;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{operation:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    for attempt in 1..=5 {
        let put_off = after(attempt).await;
        assert_eq!(put_off.state, OperationState::Queued);
        assert_eq!(put_off.reason.as_deref(), Some("Half of the way."));
        assert_eq!(put_off.max_attempts - put_off.attempts, 3, "what may pass has its own");
        assert_eq!(
            at_work.errands.part_done.lock().unwrap().len(),
            usize::try_from(attempt).unwrap()
        );
        if attempt == 5 {
            scene.sql("update operation set started_at = now() - interval '4 hours'").await;
        }
        scene.sql("update operation set not_before = now()").await;
    }
    let ended = after(6).await;
    assert_eq!(ended.state, OperationState::Failed, "not for ever");
    assert_eq!(ended.reason.as_deref(), Some("Half of the way."));
    assert_eq!(*at_work.errands.done.lock().unwrap(), ["refused"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_overruns_the_deadline_is_stopped_and_has_failed() {
    let scene = Scene::new().await;
    let id = ask(&scene, &Ask::of(&errand("wait", "a"))).await;
    scene.sql("update operation set time_limit_seconds = 1").await;
    let _at_work = AtWork::new(&scene);
    let ended = in_state(&scene, id, OperationState::Failed).await;
    assert!(ended.reason.unwrap().contains("took longer than it may"));
    assert!(ended.finished_at.unwrap() >= ended.deadline.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn lanes_are_worked_on_at_once_and_a_cancel_or_a_shutdown_ends_them() {
    let scene = Scene::new().await;
    let at_work = AtWork::new(&scene);
    let ids = [
        ask(&scene, &Ask::of(&errand("wait", "a"))).await,
        ask(&scene, &Ask::of(&errand("wait", "b"))).await,
    ];
    for id in ids {
        in_state(&scene, id, OperationState::Running).await;
    }
    operations::cancel(&scene.by(admin()), &known(), ids[0]).await.unwrap();
    in_state(&scene, ids[0], OperationState::Cancelled).await;
    assert_eq!(find(&scene, ids[1]).await.state, OperationState::Running);
    at_work.shutdown.cancel();
    at_work.task.await.unwrap();
    assert_eq!(find(&scene, ids[1]).await.state, OperationState::Interrupted);
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_work_of_a_lane_gives_way_to_its_operations_and_goes_on_after_them() {
    let scene = Scene::new().await;
    let (errands, shutdown) = (Arc::new(Errands::default()), CancellationToken::new());
    let going_on = Arc::new(AtomicI32::new(0));
    let turns = Arc::new(AtomicI32::new(0));
    let (seen, begun) = (Arc::clone(&going_on), Arc::clone(&turns));
    let runners = Runners::default().with::<Errand>(&errands).while_idle(
        Lane::from("errand:a".to_owned()),
        move |stop| {
            let (seen, begun) = (Arc::clone(&seen), Arc::clone(&begun));
            async move {
                begun.fetch_add(1, Ordering::SeqCst);
                seen.fetch_add(1, Ordering::SeqCst);
                stop.cancelled().await;
                seen.fetch_sub(1, Ordering::SeqCst);
            }
        },
    );
    let worker = Worker::new(WorkerParts {
        scope: scene.scope(),
        hub: Hub::default(),
        owner: "test".to_owned(),
        runners: Arc::new(runners),
    });
    let task = AbortOnDropHandle::new(tokio::spawn(worker.run(shutdown.clone())));
    let id = ask(&scene, &Ask::of(&errand("wait", "a"))).await;
    let elsewhere = ask(&scene, &Ask::of(&errand("wait", "b"))).await;
    let begun = || errands.begun.load(Ordering::SeqCst);
    while begun() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(going_on.load(Ordering::SeqCst), 0, "it gave way");
    let before = turns.load(Ordering::SeqCst);
    operations::cancel(&scene.by(admin()), &known(), elsewhere).await.unwrap();
    in_state(&scene, elsewhere, OperationState::Cancelled).await;
    operations::cancel(&scene.by(admin()), &known(), id).await.unwrap();
    while going_on.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(turns.load(Ordering::SeqCst), before + 1, "once, for its own lane");
    shutdown.cancel();
    task.await.unwrap();
    assert_eq!(going_on.load(Ordering::SeqCst), 0);
}
