//! VMs of which nothing is heard.

use std::time::Duration;

use futures_util::future::join_all;
use lablink_core::{
    Actor, Db, Scope, agents, events,
    vms::{self, Counts, Limits},
};
use lablink_protocol::{Vitals, VmStatus};

use crate::scene::{Scene, admin, name};

const LIMITS: Limits =
    Limits { suspect_after: Duration::from_secs(180), overdue_after: Duration::from_secs(20 * 60) };

/// One round of an allocator.
async fn watch(scene: &Scene) {
    vms::notice(&scene.scope()).await.unwrap();
    vms::point_out(&scene.scope(), LIMITS).await.unwrap();
}

/// Each with connections of its own.
fn four_allocators(scene: &Scene) -> [Scope; 4] {
    let config = scene.database.config();
    [(); 4].map(|()| Scope::new(&Db::new(&config, 2), &scene.pool, Actor::System))
}

async fn counts(scene: &Scene) -> Counts {
    vms::counts(&scene.scope()).await.unwrap()
}

async fn told(scene: &Scene, kind: &str) -> i64 {
    scene.count(&format!("select count(*) from event where kind = '{kind}'")).await
}

/// What the newest operation's worker has come to with a VM, by its number.
async fn step(scene: &Scene, number: u32, stage: &str, started: &str) {
    scene
        .sql(&format!(
            "insert into operation_vm (operation_id, hostname, stage, started_at)
             select max(id), 'lablink-vm-test-{number}', '{stage}', now() - interval '{started}'
             from operation"
        ))
        .await;
}

#[tokio::test]
async fn a_vm_that_never_reports_is_pointed_out_once() {
    let scene = Scene::new().await;
    scene.launch(3).await;
    scene.sql("update vm set created_at = now() - interval '2 hours'").await;
    watch(&scene).await;
    assert_eq!(counts(&scene).await.starting, 3, "its operation is still in the queue");
    step(&scene, 1, "creating", "21 minutes").await;
    step(&scene, 2, "waiting", "21 minutes").await;
    step(&scene, 3, "done", "19 minutes").await;
    vms::notice(&scene.scope()).await.unwrap();
    let allocators = four_allocators(&scene);
    let rounds = allocators.iter().map(|scope| vms::point_out(scope, LIMITS));
    assert!(join_all(rounds).await.iter().all(Result::is_ok));
    watch(&scene).await;
    assert_eq!(told(&scene, "vm.overdue").await, 1);
    let counted = counts(&scene).await;
    assert_eq!((counted.overdue, counted.starting, counted.attention()), (1, 2, 1));

    scene.report("lablink-vm-test-1", VmStatus::Running).await;
    let vm = name("lablink-vm-test-1");
    let newest = events::of_vm(&scene.scope(), &vm, 1).await.unwrap().remove(0);
    assert_eq!(newest.word, "vm.status_changed");
    assert!(newest.data["overdue_at"].is_string(), "it says that it was late: {}", newest.data);
    assert_eq!((counts(&scene).await.free, counts(&scene).await.overdue), (1, 0));
}

#[tokio::test]
async fn a_vm_whose_operation_is_over_has_been_begun() {
    let scene = Scene::new().await;
    scene.launch(2).await;
    let over = |ago: &str| {
        format!("update operation set state = 'succeeded', finished_at = now() - interval '{ago}'")
    };
    scene.sql(&over("19 minutes")).await;
    watch(&scene).await;
    assert_eq!(counts(&scene).await.overdue, 0);
    // As after hours in which no allocator ran.
    scene.sql("update vm set starting_since = null, created_at = now() - interval '3 hours'").await;
    scene.sql(&over("2 hours")).await;
    watch(&scene).await;
    assert_eq!(counts(&scene).await.overdue, 2);
}

#[tokio::test]
async fn how_long_a_start_may_take_is_learnt_from_those_before() {
    for (usual, in_time, late) in [(300, 595, 605), (10, 115, 125), (1100, 1190, 1205)] {
        let scene = Scene::new().await;
        scene.launch(10).await;
        for number in 1..=10 {
            scene.report(&format!("lablink-vm-test-{number}"), VmStatus::Running).await;
        }
        let took = format!("update vm set created_at = now() - interval '{usual} seconds'");
        scene.sql(&took).await;
        scene.launch(2).await;
        for (number, seconds) in [(11, in_time), (12, late)] {
            step(&scene, number, "done", &format!("{seconds} seconds")).await;
        }
        watch(&scene).await;
        let overdue = "select coalesce(sum(number), 0) from vm where overdue_at is not null";
        assert_eq!(scene.count(overdue).await, 12, "{usual}");
    }
}

#[tokio::test]
async fn a_vm_that_is_made_anew_has_its_time_again() {
    let scene = Scene::new().await;
    scene.launch(1).await;
    let vm = name("lablink-vm-test-1");
    step(&scene, 1, "done", "30 minutes").await;
    vms::heartbeat(&scene.scope(), &vm, &Vitals::default()).await.unwrap();
    scene.sql("update vm_presence set last_seen = now() - interval '1 hour'").await;
    watch(&scene).await;
    assert_eq!((counts(&scene).await.overdue, told(&scene, "vm.suspect").await), (1, 0));
    scene.report("lablink-vm-test-1", VmStatus::Error).await;
    scene.launch(1).await;
    // The second launch makes the first VM, too.
    scene
        .sql(
            "insert into operation_target (operation_id, vm_id)
             select max(operation.id), (select id from vm where number = 1) from operation",
        )
        .await;
    vms::make_anew(&scene.scope(), &[vm]).await.unwrap();
    watch(&scene).await;
    assert_eq!((counts(&scene).await.overdue, counts(&scene).await.starting), (0, 2));
    scene.report("lablink-vm-test-1", VmStatus::Running).await;
    watch(&scene).await;
    assert_eq!(counts(&scene).await.free, 1, "what was heard before its making is forgotten");
}

#[tokio::test]
async fn a_registered_machine_is_overdue_when_its_command_has_expired_or_it_enrolled_in_vain() {
    let scene = Scene::new().await;
    let desk = || name("desk-7");
    vms::register(&scene.by(admin()), Some(desk()), None).await.unwrap();
    scene.sql("update vm set created_at = now() - interval '59 minutes'").await;
    watch(&scene).await;
    assert_eq!(counts(&scene).await.starting, 1, "somebody may be on the way there");
    scene.sql("update enrolment set expires_at = now()").await;
    watch(&scene).await;
    watch(&scene).await;
    assert_eq!((counts(&scene).await.overdue, told(&scene, "vm.overdue").await), (1, 1));
    let new = vms::renew_enrolment(&scene.by(admin()), desk()).await.unwrap();
    watch(&scene).await;
    assert_eq!(counts(&scene).await.starting, 1, "it has another command");
    agents::enrol(&scene.scope(), &desk(), &new.enrolment_token).await.unwrap();
    scene.sql("update enrolment set used_at = now() - interval '21 minutes'").await;
    watch(&scene).await;
    assert_eq!(counts(&scene).await.overdue, 1, "its agent enrolled, and then said nothing");
}

#[tokio::test]
async fn an_agent_that_falls_silent_is_pointed_out_once_and_so_is_its_return() {
    let scene = Scene::with_running(3).await;
    scene.claim("ada@example.org", "4/x").await.unwrap();
    for number in 1..=2 {
        let vm = name(&format!("lablink-vm-test-{number}"));
        vms::heartbeat(&scene.scope(), &vm, &Vitals::default()).await.unwrap();
    }
    let silent = |seconds| {
        format!("update vm_presence set last_seen = now() - interval '{seconds} seconds'")
    };
    scene.sql(&silent(170)).await;
    watch(&scene).await;
    let counted = counts(&scene).await;
    assert_eq!((counted.stale, counted.suspect, counted.free), (2, 0, 1));
    scene.sql(&silent(181)).await;
    let allocators = four_allocators(&scene);
    let rounds = allocators.iter().map(|scope| vms::point_out(scope, LIMITS));
    assert!(join_all(rounds).await.iter().all(Result::is_ok));
    watch(&scene).await;
    assert_eq!(told(&scene, "vm.suspect").await, 2, "a claimed one too; none that never beat");
    let counted = counts(&scene).await;
    assert_eq!((counted.stale, counted.suspect, counted.attention()), (0, 2, 2));

    let vm = name("lablink-vm-test-2");
    vms::goodbye(&scene.scope(), &vm).await.unwrap();
    watch(&scene).await;
    assert_eq!(counts(&scene).await.suspect, 2, "who says goodbye is not back");
    vms::heartbeat(&scene.scope(), &vm, &Vitals::default()).await.unwrap();
    assert_eq!(counts(&scene).await.free, 2, "at once");
    watch(&scene).await;
    watch(&scene).await;
    assert_eq!((told(&scene, "vm.heard").await, told(&scene, "vm.suspect").await), (1, 2));
}
