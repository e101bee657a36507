//! How much one VM may write into the history, and how much of it is kept.

use std::time::Duration;

use lablink_core::{
    Actor, DbError,
    claims::{self, NoSuchClaim},
    events::{self, Retention},
    vms::{self, ReportError},
};
use lablink_protocol::{ClaimOutcome, ClaimResult, GpuHealth, VmStatus};

use crate::scene::{Scene, name};

const VM: &str = "lablink-vm-test-1";
const OF_AGENTS: &str = "select count(*) from event where actor like 'agent:%'";

async fn status(scene: &Scene, hostname: &str, status: VmStatus) -> Result<(), ReportError> {
    let agent = Actor::Agent(name(hostname));
    vms::set_status(&scene.by(agent), &name(hostname), status).await
}

/// Has a VM say now this and now that, until it is refused.
async fn flip(scene: &Scene) {
    for turn in 0..200 {
        let word = if turn % 2 == 0 { VmStatus::Error } else { VmStatus::Running };
        match status(scene, VM, word).await {
            Ok(()) => {}
            Err(ReportError::Db(DbError::TooManyReports)) => return,
            Err(other) => panic!("{other:?}"),
        }
    }
    panic!("200 changes were stored");
}

#[tokio::test]
async fn a_vm_that_says_now_this_and_now_that_is_refused_after_a_while() {
    let scene = Scene::with_running(2).await;
    flip(&scene).await;
    assert_eq!(scene.count(OF_AGENTS).await, 60);
    let before = scene.count("select count(*) from vm where status = 'running'").await;
    assert_eq!(before, 2, "the last word is one that was told");
    // Whatever else would be history is refused with it, and changes nothing.
    let vm = name(VM);
    let agent = &scene.by(Actor::Agent(vm.clone()));
    let refused = vms::set_in_use(agent, &vm, true, None).await;
    assert!(matches!(refused, Err(ReportError::Db(DbError::TooManyReports))), "{refused:?}");
    let refused = vms::set_gpu(agent, &vm, GpuHealth::Unhealthy, None).await;
    assert!(matches!(refused, Err(ReportError::Db(DbError::TooManyReports))), "{refused:?}");
    assert_eq!(scene.count("select count(*) from vm where in_use or gpu is not null").await, 0);
    scene.claim("ada@example.org", "4/x").await.unwrap();
    let result = ClaimResult {
        hostname: vm.clone(),
        claim_id: scene.count("select id from claim").await,
        command_no: None,
        outcome: ClaimOutcome::Connected,
        detail: None,
        fault: None,
    };
    let refused = claims::report(agent, &result).await;
    assert!(matches!(refused, Err(NoSuchClaim::Db(DbError::TooManyReports))), "{refused:?}");
    // What changes nothing, and other VMs, go on.
    status(&scene, VM, VmStatus::Running).await.unwrap();
    status(&scene, "lablink-vm-test-2", VmStatus::Error).await.unwrap();
    // Ten minutes later it may again; in a day, a thousand times.
    scene.sql("update event set at = at - interval '11 minutes'").await;
    flip(&scene).await;
    assert_eq!(scene.count(OF_AGENTS).await, 121);
    scene
        .sql(
            "insert into event (pool_id, actor, kind, vm_id, at)
             select pool_id, actor, kind, vm_id, now() - interval '2 hours'
             from event, generate_series(1, 9) where actor like 'agent:lablink-vm-test-1';
             update event set at = now() - interval '2 hours'",
        )
        .await;
    let refused = status(&scene, VM, VmStatus::Error).await;
    assert!(matches!(refused, Err(ReportError::Db(DbError::TooManyReports))), "{refused:?}");
    scene.sql("update event set at = at - interval '1 day'").await;
    status(&scene, VM, VmStatus::Error).await.unwrap();
}

#[tokio::test]
async fn saying_the_same_again_tells_nobody() {
    let scene = Scene::with_running(1).await;
    let vm = name(VM);
    let agent = &scene.by(Actor::Agent(vm.clone()));
    let told = "select count(*) from event";
    let before = scene.count(told).await;
    for _ in 0..100 {
        vms::set_in_use(agent, &vm, true, None).await.unwrap();
        vms::goodbye(agent, &vm).await.unwrap();
    }
    assert_eq!(scene.count(told).await - before, 1);
}

async fn fill(scene: &Scene, count: i64, age: &str) {
    scene
        .sql(&format!(
            "insert into event (pool_id, actor, kind, vm_id, at)
             select vm.pool_id, 'agent:x', 'vm.status_changed', vm.id, now() - interval '{age}'
             from vm, generate_series(1, {count}) where vm.hostname = '{VM}'"
        ))
        .await;
}

const YEAR: Duration = Duration::from_hours(24 * 365);

#[tokio::test]
async fn old_events_go_in_steps_and_those_of_open_claims_stay() {
    let scene = Scene::with_running(2).await;
    fill(&scene, 12_000, "2 years").await;
    scene.claim("ada@example.org", "4/x").await.unwrap();
    scene.sql("update event set at = now() - interval '2 years'").await;
    fill(&scene, 10, "1 day").await;
    let claimed = scene.count("select count(*) from event where claim_id is not null").await;
    assert!(claimed > 0);
    let kept = Retention { age: Some(YEAR), per_vm: None };
    assert!(events::sweep(&scene.db, kept).await.unwrap() >= 12_000);
    assert_eq!(scene.count("select count(*) from event").await, 10 + claimed);
    assert_eq!(events::sweep(&scene.db, kept).await.unwrap(), 0);
}

#[tokio::test]
async fn of_each_vm_so_many_events_are_kept() {
    let scene = Scene::with_running(2).await;
    let others = "select count(*) from event join vm on vm.id = event.vm_id
                  where hostname <> 'lablink-vm-test-1'";
    let before = scene.count(others).await;
    fill(&scene, 12_000, "1 minute").await;
    let kept = Retention { age: None, per_vm: Some(500) };
    assert!(events::sweep(&scene.db, kept).await.unwrap() >= 11_500);
    let its = "select count(*) from event join vm on vm.id = event.vm_id
               where hostname = 'lablink-vm-test-1'";
    assert_eq!((scene.count(its).await, scene.count(others).await), (500, before));
    let forever = Retention { age: None, per_vm: None };
    assert_eq!(events::sweep(&scene.db, forever).await.unwrap(), 0);
}
