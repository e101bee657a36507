//! The engine, with a kind of its own: it knows none.

use std::{future::Future, time::Duration};

use jiff::{SignedDuration, Timestamp};
use lablink_core::{
    collections::{self, OnSkipped},
    operations::{
        self, Again, Ask, Counts, Kinds, Lane, LeaseError, OperationId, OperationState, Outcome,
    },
    vms,
};
use lablink_protocol::{Hostname, VmStatus};

use crate::{
    errand::{Errand, ask, errand, events_of, find, finish, known, take},
    scene::{Scene, admin, begin, kinds, name},
};

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
    let on_skipped = OnSkipped::Accept;
    let asks = [
        Ask::of(&operations::Destroy { hostnames: here() }),
        Ask::of(&operations::Replace { hostnames: here() }),
        Ask::of(&collections::Collect { hostnames: here(), extension, on_skipped }),
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
    assert!(taken.operation.is::<collections::Collect>() && !taken.abandoned);
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
    assert_eq!(taken().await, 0, "it would not try again");
    // As it asks for one itself.
    scene.sql("update operation set max_attempts = 1 where state = 'queued'").await;
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
    // It does not take one that its worker has left either.
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

/// Begins a write, and kills it when all is written but its event.
async fn killed_before_its_event<T: Send + 'static>(
    scene: &Scene,
    write: impl Future<Output = T> + Send + 'static,
) {
    let mut client = scene.db.client().await.unwrap();
    let held = client.transaction().await.unwrap();
    held.batch_execute("lock table event in exclusive mode").await.unwrap();
    let writing = tokio::spawn(write);
    let waits = "select count(*) from pg_stat_activity
                 where datname = current_database() and wait_event_type = 'Lock'";
    let written = async {
        while scene.count(waits).await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(2), written).await.expect("it waits for the event");
    writing.abort();
    assert!(writing.await.is_err_and(|end| end.is_cancelled()));
    held.commit().await.unwrap();
}

#[tokio::test]
async fn a_start_or_an_end_without_its_event_has_not_happened() {
    let scene = Scene::new().await;
    let id = ask(&scene, &Ask::of(&errand("x", "a"))).await;
    let scope = scene.scope();
    let taking = async move { operations::take(&scope, "worker", &known()).await };
    killed_before_its_event(&scene, taking).await;
    assert_eq!(find(&scene, id).await.state, OperationState::Queued);
    let taken = take(&scene).await.unwrap();
    let closing = async move { taken.lease.close("It could not be told.").await };
    killed_before_its_event(&scene, closing).await;
    assert_eq!(find(&scene, id).await.state, OperationState::Running);
    scene.sql("update operation set lease_expires_at = now() - interval '1 s'").await;
    let taken = take(&scene).await.unwrap();
    taken.lease.close("It could not be told.").await.unwrap();
    let told = events_of(&scene, id).await;
    let of_system =
        ["started", "taken_over", "finished"].map(|it| format!("system operation.{it}"));
    assert!(told.ends_with(&of_system.join(", ")), "{told}");
    assert!(matches!(taken.lease.close("Twice.").await, Err(LeaseError::Lost)));
}

#[tokio::test]
async fn it_begins_and_ends_even_if_the_database_refuses_its_history() {
    let scene = Scene::new().await;
    for what in ["closed", "overdue"] {
        ask(&scene, &Ask::of(&errand(what, what))).await;
    }
    scene
        .sql(
            "create function refuse() returns trigger language plpgsql as
                 $$ begin raise exception 'no history today'; end $$;
             create trigger refused before insert on event for each row execute function refuse()",
        )
        .await;
    let closed = take(&scene).await.unwrap();
    let overdue = take(&scene).await.unwrap().operation.id;
    let whole = closed.lease.finish(&Outcome::succeeded()).await;
    assert!(matches!(whole, Err(LeaseError::Db(_))), "an end as it was is told or is none");
    closed.lease.close("It could not be told.").await.unwrap();
    assert_eq!(find(&scene, closed.operation.id).await.state, OperationState::Failed);
    scene.sql("update operation set deadline = now() - interval '10 minutes'").await;
    assert_eq!(operations::end_overdue(&scene.scope()).await.unwrap(), 1);
    assert_eq!(find(&scene, overdue).await.state, OperationState::Failed);
}

/// An attempt to replace a VM has begun, and was put off.
#[tokio::test]
async fn a_replacement_that_is_cancelled_between_two_attempts_says_so_on_its_vm() {
    let scene = Scene::with_running(1).await;
    finish(take(&scene).await.unwrap(), Outcome::succeeded()).await;
    let replace = Ask::of(&operations::Replace { hostnames: vec![name("lablink-vm-test-1")] });
    let id = ask(&scene, &replace).await;
    let taken = take(&scene).await.unwrap();
    begin(&taken).await.unwrap();
    let reason = "Somebody is in the way.".to_owned();
    let again = Again { reason, pause: Duration::from_secs(90), counts: Counts::AsAttempt };
    taken.lease.try_again(&again).await.unwrap();
    let log = operations::log(&scene.db, id, 9).await.unwrap();
    let log: Vec<&str> = log.iter().map(|it| it.line.as_str()).collect();
    assert_eq!(log, ["Somebody is in the way.", "The next attempt begins in 90 s."]);
    assert!(operations::cancel(&scene.by(admin()), &known(), id).await.unwrap());
    let vm = vms::find(&scene.scope(), &name("lablink-vm-test-1")).await.unwrap().unwrap();
    assert_eq!(vm.status, VmStatus::Error);
    assert!(vm.status_reason.unwrap().contains("cancelled before it was done"));
    let left = operations::undone(&scene.scope(), &known(), id).await.unwrap();
    assert_eq!(left, [name("lablink-vm-test-1")], "it can be tried again");
}
