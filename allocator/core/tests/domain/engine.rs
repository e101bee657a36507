//! The engine, with kinds of its own: it knows none.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use jiff::{SignedDuration, Timestamp};
use lablink_core::{
    live::Hub,
    operations::{
        self, Ask, Kind, Kinds, Lane, LeaseError, LogLevel, Operation, OperationId, OperationState,
        Outcome, Report, Taken,
    },
    vms,
    worker::{Attempt, Ended, Runner, Runners, Trouble, Turn, Worker, WorkerParts},
};
use lablink_protocol::Hostname;
use serde::{Deserialize, Serialize};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::scene::{Scene, admin, kinds, name};

/// A kind of the tests: nothing but what the engine has to know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Errand {
    what: String,
    #[serde(default)]
    lane: String,
    #[serde(default)]
    hostnames: Vec<Hostname>,
}

impl Kind for Errand {
    const WORD: &'static str = "errand";
    const NAME: &'static str = "Errand";
    const MAX_ATTEMPTS: u16 = 3;

    fn title(&self) -> String {
        format!("Run an errand: {}", self.what)
    }

    fn hostnames(&self) -> &[Hostname] {
        &self.hostnames
    }

    fn lane(&self) -> Lane {
        Lane::from(format!("errand:{}", self.lane))
    }

    fn time_limit(&self) -> Duration {
        Duration::from_secs(3600)
    }
}

fn errand(what: &str, lane: &str) -> Errand {
    Errand { what: what.to_owned(), lane: lane.to_owned(), hostnames: Vec::new() }
}

fn known() -> Kinds {
    kinds().with::<Errand>()
}

async fn take(scene: &Scene) -> Option<Taken> {
    operations::take(&scene.scope(), "worker", &known()).await.unwrap()
}

async fn ask(scene: &Scene, wish: &Ask) -> OperationId {
    operations::ask(&scene.by(admin()), wish).await.unwrap()
}

async fn find(scene: &Scene, id: OperationId) -> Operation {
    operations::find(&scene.scope(), id).await.unwrap().unwrap()
}

async fn finish(taken: Taken, outcome: Outcome) {
    taken.lease.finish(&outcome).await.unwrap();
}

/// The kinds of its events, oldest first.
async fn events_of(scene: &Scene, id: OperationId) -> String {
    let sql = format!(
        "select coalesce(string_agg(actor || ' ' || kind, ', ' order by id), '')
         from event where operation_id = {id}"
    );
    scene.text(&sql).await
}

#[tokio::test]
async fn lanes_go_on_beside_each_other_and_one_lane_takes_turns() {
    let scene = Scene::new().await;
    let mut ids = Vec::new();
    for (what, lane) in [("a", "left"), ("b", "left"), ("c", "right")] {
        ids.push(ask(&scene, &Ask::of(&errand(what, lane))).await);
    }
    let (first, other) = (take(&scene).await.unwrap(), take(&scene).await.unwrap());
    assert_eq!((first.operation.id, other.operation.id), (ids[0], ids[2]));
    assert!(take(&scene).await.is_none(), "the left lane is taken");
    finish(first, Outcome::succeeded()).await;
    assert_eq!(take(&scene).await.unwrap().operation.id, ids[1]);
    let refused = "update operation set state = 'running', lease_expires_at = now()";
    let refused = scene.db.client().await.unwrap().batch_execute(refused).await.unwrap_err();
    let constraint = refused.as_db_error().unwrap().constraint();
    assert_eq!(constraint, Some("operation_running"), "the schema says so as well");
}

#[tokio::test]
async fn two_never_work_on_one_vm_whatever_their_lanes() {
    let scene = Scene::with_running(2).await;
    finish(take(&scene).await.unwrap(), Outcome::succeeded()).await;
    let (one, two) = (name("lablink-vm-test-1"), name("lablink-vm-test-2"));
    let teacher = scene.by(admin());
    let replace = operations::replace(&teacher, vec![one.clone()]).await.unwrap();
    let replacing = take(&scene).await.unwrap();
    assert_eq!(replacing.operation.id, replace);
    let of_one = Errand { hostnames: vec![one.clone()], ..errand("one", "a") };
    let of_two = Errand { hostnames: vec![two.clone()], ..errand("two", "b") };
    let of_one = ask(&scene, &Ask::of(&of_one)).await;
    let of_two = ask(&scene, &Ask::of(&of_two)).await;
    let reboot = operations::reboot(&teacher, &known(), &two).await.unwrap();
    let taken = take(&scene).await.unwrap();
    assert_eq!(taken.operation.id, of_two, "nobody works on the second VM");
    assert!(take(&scene).await.is_none(), "the first is replaced, the second has an errand");
    replacing.lease.begin_anew().await.unwrap();
    let reboot_of_new = operations::reboot(&teacher, &known(), &one).await.unwrap();
    assert!(take(&scene).await.is_none(), "nor the machine that takes its place");
    finish(replacing, Outcome::succeeded()).await;
    assert_eq!(take(&scene).await.unwrap().operation.id, of_one);
    assert_eq!(
        take(&scene).await.unwrap().operation.id,
        reboot_of_new,
        "of the old one, of the new"
    );
    finish(taken, Outcome::succeeded()).await;
    assert_eq!(take(&scene).await.unwrap().operation.id, reboot);
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_that_come_at_once_take_each_vm_and_each_lane_once() {
    let scene = Scene::with_running(1).await;
    finish(take(&scene).await.unwrap(), Outcome::succeeded()).await;
    for lane in ["a", "b", "c", "d"] {
        let about = vec![name("lablink-vm-test-1")];
        ask(&scene, &Ask::of(&Errand { hostnames: about, ..errand("x", lane) })).await;
    }
    let taken = futures_util::future::join_all((0..8).map(|_| take(&scene))).await;
    assert_eq!(taken.iter().flatten().count(), 1, "they are about one VM");
}

#[tokio::test]
async fn what_follows_another_waits_for_its_end_and_for_its_success() {
    let scene = Scene::new().await;
    let first = ask(&scene, &Ask::of(&errand("first", "a"))).await;
    let then = ask(&scene, &Ask::of(&errand("then", "b")).after(first)).await;
    let beside = ask(&scene, &Ask::of(&errand("beside", "b"))).await;
    let taken = take(&scene).await.unwrap();
    assert_eq!(taken.operation.id, first);
    let other = take(&scene).await.unwrap();
    assert_eq!(other.operation.id, beside, "it holds up nobody behind it");
    finish(other, Outcome::succeeded()).await;
    assert!(take(&scene).await.is_none());
    finish(taken, Outcome::succeeded()).await;
    let taken = take(&scene).await.unwrap();
    assert_eq!((taken.operation.id, taken.operation.after), (then, Some(first)));
}

#[tokio::test]
async fn nothing_begins_before_its_time() {
    let scene = Scene::new().await;
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    let late = ask(&scene, &Ask::of(&errand("late", "a")).not_before(later)).await;
    let soon = ask(&scene, &Ask::of(&errand("soon", "a"))).await;
    let taken = take(&scene).await.unwrap();
    assert_eq!(taken.operation.id, soon, "what is not due yet holds up nobody");
    finish(taken, Outcome::succeeded()).await;
    assert!(take(&scene).await.is_none());
    let told = find(&scene, late).await.not_before.unwrap();
    assert!(told.duration_since(later).abs() < SignedDuration::from_millis(1));
    scene.sql("update operation set not_before = now() where not_before is not null").await;
    assert_eq!(take(&scene).await.unwrap().operation.id, late);
}

#[tokio::test]
async fn a_step_names_what_it_is_a_part_of() {
    let scene = Scene::new().await;
    let whole = ask(&scene, &Ask::of(&errand("whole", "a"))).await;
    let part = ask(&scene, &Ask::of(&errand("part", "b")).part_of(whole)).await;
    let part = find(&scene, part).await;
    assert_eq!((part.parent, part.title.as_str()), (Some(whole), "Run an errand: part"));
    assert_eq!(part.job().unwrap(), Some(errand("part", "b")));
}

#[tokio::test]
async fn what_needs_approval_waits_for_it_and_what_was_rejected_is_over() {
    let scene = Scene::with_running(1).await;
    finish(take(&scene).await.unwrap(), Outcome::succeeded()).await;
    let (teacher, kinds) = (scene.by(admin()), known());
    let about = vec![name("lablink-vm-test-1")];
    let destroy = operations::Destroy { hostnames: about };
    let id = ask(&scene, &Ask::of(&destroy).once_approved()).await;
    assert_eq!(find(&scene, id).await.state, OperationState::AwaitingApproval);
    assert!(take(&scene).await.is_none());
    assert!(scene.claim("ada@example.org", "4/x").await.is_ok(), "nothing is spoken for yet");
    assert!(operations::approve(&teacher, &kinds, id).await.unwrap());
    assert!(!operations::approve(&teacher, &kinds, id).await.unwrap(), "once");
    assert!(!operations::reject(&teacher, &kinds, id).await.unwrap(), "too late");
    let operation = find(&scene, id).await;
    assert_eq!(operation.state, OperationState::Queued);
    assert_eq!(operation.decided.unwrap().0, "admin:teacher");
    assert_eq!(scene.count("select count(*) from vm where removing_at is not null").await, 1);
    let taken = take(&scene).await.unwrap();
    let targets = taken.lease.begin().await.unwrap();
    assert!(
        matches!(targets[0].standing, operations::Standing::LeftOut(_)),
        "ada came before it was approved"
    );
    finish(taken, Outcome::succeeded()).await;
    assert_eq!(
        events_of(&scene, id).await,
        "admin:teacher operation.awaits_approval, admin:teacher vm.to_go, \
         admin:teacher operation.approved, system operation.started, system vm.stays, \
         system operation.finished"
    );

    let launch = operations::Launch { hostnames: vec![name("lablink-vm-test-9")] };
    scene
        .sql(
            "insert into vm (pool_id, hostname, number, source)
             select id, 'lablink-vm-test-9', 9, 'local' from pool",
        )
        .await;
    let id = ask(&scene, &Ask::of(&launch).once_approved()).await;
    assert!(operations::reject(&teacher, &kinds, id).await.unwrap());
    let rejected = find(&scene, id).await;
    assert_eq!(rejected.state, OperationState::Cancelled);
    assert_eq!(rejected.reason.as_deref(), Some("It was not approved."));
    assert!(vms::find(&teacher, &name("lablink-vm-test-9")).await.unwrap().is_none(), "undone");
    assert!(events_of(&scene, id).await.ends_with("admin:teacher operation.rejected"));

    let id = ask(&scene, &Ask::of(&errand("never", "a")).once_approved()).await;
    assert!(operations::cancel(&teacher, &kinds, id).await.unwrap());
    assert_eq!(find(&scene, id).await.state, OperationState::Cancelled);
}

#[tokio::test]
async fn a_cancelled_queue_entry_of_each_kind_undoes_what_it_has_done() {
    let scene = Scene::with_running(2).await;
    finish(take(&scene).await.unwrap(), Outcome::succeeded()).await;
    let (teacher, kinds) = (scene.by(admin()), known());
    let here = || vec![name("lablink-vm-test-1")];
    let extension: lablink_core::pools::Extension = "slp".parse().unwrap();
    let on_skipped = lablink_core::collections::OnSkipped::Accept;
    let asks = [
        Ask::of(&operations::Destroy { hostnames: here() }),
        Ask::of(&operations::Replace { hostnames: here() }),
        Ask::of(&operations::Collect { hostnames: here(), extension, on_skipped }),
        Ask::of(&operations::BringBack { hostnames: here() }),
        Ask::of(&operations::GiveUp { hostnames: here() }),
        Ask::of(&operations::Reboot { hostname: name("lablink-vm-test-1") }),
    ];
    let mut ids = vec![scene.launch(2).await];
    for wish in &asks {
        ids.push(ask(&scene, wish).await);
    }
    assert_eq!(scene.count("select count(*) from vm where removed_at is null").await, 4);
    assert_eq!(scene.count("select count(*) from vm where removing_at is not null").await, 1);
    for id in ids {
        assert!(operations::cancel(&teacher, &kinds, id).await.unwrap());
        assert!(events_of(&scene, id).await.ends_with("admin:teacher operation.cancel_requested"));
    }
    assert_eq!(scene.count("select count(*) from vm where removed_at is null").await, 2);
    assert_eq!(scene.count("select count(*) from vm where removing_at is not null").await, 0);
    for email in ["ada@example.org", "bea@example.org"] {
        assert!(scene.claim(email, "4/x").await.is_ok());
    }
}

#[tokio::test]
async fn a_reboot_is_refused_where_it_can_do_no_good() {
    let scene = Scene::with_running(1).await;
    finish(take(&scene).await.unwrap(), Outcome::succeeded()).await;
    let one = name("lablink-vm-test-1");
    let teacher = scene.by(admin());
    let reboot =
        async |kinds: &Kinds, vm: &Hostname| match operations::reboot(&teacher, kinds, vm).await {
            Ok(_) => "asked for".to_owned(),
            Err(refused) => refused.to_string(),
        };
    let elsewhere = kinds().with_refused::<operations::Reboot>("This allocator has no local VMs.");
    assert!(reboot(&elsewhere, &one).await.ends_with("This allocator has no local VMs."));
    assert_eq!(reboot(&known(), &name("nobody")).await, "VM not found.");
    for (source, why) in [("aws", "AWS console"), ("manual", "where it stands")] {
        scene.sql(&format!("update vm set source = '{source}'")).await;
        assert!(reboot(&known(), &one).await.contains(why));
    }
    scene.sql("update vm set source = 'local'").await;
    let destroy = operations::destroy(&teacher, &vms::Selection::All).await.unwrap();
    assert!(reboot(&known(), &one).await.contains("about to be removed"));
    operations::cancel(&teacher, &known(), destroy).await.unwrap();

    assert_eq!(reboot(&known(), &one).await, "asked for");
    let rebooting = take(&scene).await.unwrap();
    let destroy = operations::destroy(&teacher, &vms::Selection::All).await.unwrap();
    assert!(take(&scene).await.is_none(), "the destroy waits for the reboot");
    finish(rebooting, Outcome::succeeded()).await;
    assert_eq!(take(&scene).await.unwrap().operation.id, destroy);
}

#[tokio::test]
async fn what_an_older_allocator_asks_for_is_carried_out() {
    let scene = Scene::with_running(2).await;
    finish(take(&scene).await.unwrap(), Outcome::succeeded()).await;
    let hostnames = r#"{"hostnames": ["lablink-vm-test-1"]}"#;
    let collect = r#"{"hostnames": ["lablink-vm-test-1"], "extension": "slp"}"#;
    let asked = async |kind: &str, payload: &str| {
        let sql = format!(
            "with new as (
                 insert into operation (pool_id, kind, payload, actor, progress_total)
                 select id, '{kind}', '{payload}', 'admin:old', 1 from pool returning id)
             select id from new"
        );
        OperationId::from(scene.count(&sql).await)
    };
    let first = asked("collect", collect).await;
    let payload = format!(r#"{{"hostnames": ["lablink-vm-test-1"], "after": {first}}}"#);
    let destroy = asked("destroy", &payload).await;
    let told = find(&scene, destroy).await;
    assert_eq!((told.title.as_str(), told.after), ("Destroy 1 VM", Some(first)));
    assert!(told.removes && told.lane == Lane::MACHINES && told.max_attempts == 1);
    assert_eq!(told.job::<operations::Destroy>().unwrap().unwrap().hostnames.len(), 1);

    let taken = take(&scene).await.unwrap();
    assert_eq!(taken.operation.id, first);
    assert!(taken.operation.is::<operations::Collect>() && !taken.abandoned);
    assert!(take(&scene).await.is_none(), "the destroy waits, as it would there");
    finish(taken, Outcome::succeeded()).await;
    let taken = take(&scene).await.unwrap();
    assert_eq!(taken.operation.id, destroy);
    let targets = taken.lease.begin().await.unwrap();
    assert_eq!(targets.len(), 1);
    assert_eq!(scene.count("select count(*) from vm where removing_at is not null").await, 1);
    finish(taken, Outcome::succeeded()).await;
    let launch = asked("launch", hostnames).await;
    assert_eq!(take(&scene).await.unwrap().operation.id, launch);
}

/// The statement by which an allocator of the version before takes the next operation.
const OLDER_TAKE: &str = "
    update operation set state = 'running', attempt = attempt + 1, lease_owner = 'older',
           lease_expires_at = now() + interval '20 s', started_at = coalesce(started_at, now())
    where id = (
        select id from operation
        where (state = 'running' and lease_expires_at < now()
               or state = 'queued' and not exists (
                   select from operation as other where other.state = 'running'))
        order by state = 'running' desc, id limit 1 for no key update)";

#[tokio::test]
async fn an_older_allocator_takes_what_it_knows_and_nothing_else() {
    let scene = Scene::with_running(1).await;
    finish(take(&scene).await.unwrap(), Outcome::succeeded()).await;
    let taken = async || scene.db.client().await.unwrap().execute(OLDER_TAKE, &[]).await.unwrap();
    let known_to_it = scene.launch(1).await;
    assert_eq!(taken().await, 1);
    let its = find(&scene, known_to_it).await;
    assert_eq!((its.state, its.deadline), (OperationState::Running, None));
    assert!(take(&scene).await.is_none(), "it is at work in the lane");
    scene.sql("update operation set state = 'succeeded', lease_expires_at = null").await;

    let later = Timestamp::now() + SignedDuration::from_hours(1);
    let vm = || vec![name("lablink-vm-test-1")];
    let first = ask(&scene, &Ask::of(&errand("first", "a")).once_approved()).await;
    for wish in [
        Ask::of(&operations::Reboot { hostname: name("lablink-vm-test-1") }),
        Ask::of(&operations::Replace { hostnames: vm() }).not_before(later),
        Ask::of(&operations::Destroy { hostnames: vm() }).after(first),
        Ask::of(&errand("unknown", "a")),
    ] {
        let id = ask(&scene, &wish).await;
        assert_eq!(taken().await, 0, "{wish:?}");
        operations::cancel(&scene.by(admin()), &known(), id).await.unwrap();
    }
    // Nor one of those that its worker has left.
    ask(&scene, &Ask::of(&errand("unknown", "a"))).await;
    take(&scene).await.unwrap();
    scene.sql("update operation set lease_expires_at = now() where state = 'running'").await;
    assert_eq!(taken().await, 0);
    assert!(take(&scene).await.unwrap().abandoned);
}

#[tokio::test]
async fn what_only_a_newer_allocator_knows_is_shown_left_to_it_and_can_be_cancelled() {
    let scene = Scene::with_running(1).await;
    finish(take(&scene).await.unwrap(), Outcome::succeeded()).await;
    let id = ask(&scene, &Ask::of(&errand("new", "a"))).await;
    let older = kinds();
    let taken = operations::take(&scene.scope(), "worker", &older).await.unwrap();
    assert!(taken.is_none());
    assert_eq!(find(&scene, id).await.title, "Run an errand: new");
    let teacher = scene.by(admin());
    assert!(operations::undone(&teacher, &older, id).await.unwrap().is_empty());
    assert!(operations::cancel(&teacher, &older, id).await.unwrap());
}

#[tokio::test]
async fn what_nobody_ends_in_time_is_ended_and_its_worker_refused() {
    let scene = Scene::with_running(1).await;
    finish(take(&scene).await.unwrap(), Outcome::succeeded()).await;
    let about = vec![name("lablink-vm-test-1")];
    let id = operations::replace(&scene.by(admin()), about).await.unwrap();
    let taken = take(&scene).await.unwrap();
    let limit = Duration::from_hours(12);
    assert!(taken.time_left > limit && taken.time_left < limit * 2, "{:?}", taken.time_left);
    assert_eq!(operations::end_overdue(&scene.scope()).await.unwrap(), 0);
    scene.sql("update operation set deadline = now() - interval '1 minute'").await;
    assert_eq!(operations::end_overdue(&scene.scope()).await.unwrap(), 0, "its worker is at it");
    scene.sql("update operation set deadline = now() - interval '6 minutes'").await;
    assert_eq!(operations::end_overdue(&scene.scope()).await.unwrap(), 1);
    assert_eq!(operations::end_overdue(&scene.scope()).await.unwrap(), 0);
    let ended = find(&scene, id).await;
    assert_eq!(ended.state, OperationState::Failed);
    assert!(ended.reason.unwrap().contains("did not end in time"));
    assert!(matches!(taken.lease.renew().await, Err(LeaseError::Lost)));
    let late = taken.lease.finish(&Outcome::succeeded()).await;
    assert!(matches!(late, Err(LeaseError::Lost)));
    assert!(scene.claim("ada@example.org", "4/x").await.is_ok(), "nothing is spoken for");
    assert!(events_of(&scene, id).await.ends_with("system operation.finished"));
}

#[tokio::test]
async fn an_end_that_cannot_be_told_leaves_an_event_as_well() {
    let scene = Scene::new().await;
    let id = ask(&scene, &Ask::of(&errand("x", "a"))).await;
    let taken = take(&scene).await.unwrap();
    taken.lease.close("It could not be told.").await.unwrap();
    assert!(events_of(&scene, id).await.ends_with("system operation.finished"));
    assert!(matches!(taken.lease.close("Twice.").await, Err(LeaseError::Lost)));
}

/// Runs errands as their words say.
#[derive(Default)]
struct Errands {
    begun: AtomicI32,
    done: Mutex<Vec<String>>,
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
            "never" => Ended::Passing { reason: "The road is closed.".to_owned() },
            _ => Ended::Succeeded,
        };
        Ok(Attempt { ended, left: vec![job.what.clone()] })
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
