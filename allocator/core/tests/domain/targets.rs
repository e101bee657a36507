//! What operations are about: which VMs are spoken for, and what is left out when the turn comes.

use lablink_core::{
    claims::ReleaseReason,
    operations::{self, OperationId, OperationState, Outcome, Standing, TakeBack, Then, Whose},
    state,
    vms::{self, Selection},
};
use lablink_protocol::VmStatus;

use crate::scene::{Scene, admin, begin, kinds, name};

pub const ONE: &str = "lablink-vm-test-1";

fn these(hostname: &str) -> Selection {
    Selection::These(vec![name(hostname)])
}

/// Ends the launch that made the scene's VMs, so that the next operation has its turn.
async fn made(count: u32) -> Scene {
    let scene = Scene::with_running(count).await;
    take(&scene).await.lease.finish(&Outcome::succeeded()).await.unwrap();
    scene
}

async fn take(scene: &Scene) -> operations::Taken {
    operations::take(&scene.scope(), "worker", &kinds()).await.unwrap().unwrap()
}

async fn destroy(scene: &Scene, hostname: &str) -> OperationId {
    operations::destroy(&scene.by(admin()), &these(hostname)).await.unwrap()
}

async fn replace(scene: &Scene, hostname: &str) -> OperationId {
    operations::replace(&scene.by(admin()), vec![name(hostname)]).await.unwrap()
}

async fn cancel(scene: &Scene, id: OperationId) {
    assert!(operations::cancel(&scene.by(admin()), &kinds(), id).await.unwrap());
}

fn failed() -> Outcome {
    let reason = Some("No room.".to_owned());
    Outcome { state: OperationState::Failed, exit_code: Some(1), reason }
}

/// What each row carries is what the open operations add up to.
async fn recounted(scene: &Scene) {
    let wrong = scene
        .count(
            "select count(*) from vm where removed_at is null and (removing_at is not null) <> exists (
                 select from operation_target as t join operation as o on o.id = t.operation_id
                 where t.vm_id = vm.id and t.left_out is null and t.successor_id is null
                   and o.kind in ('destroy', 'replace') and o.state in ('queued', 'running'))",
        )
        .await;
    assert_eq!(wrong, 0);
}

#[tokio::test]
async fn a_vm_stays_spoken_for_while_any_operation_waits_for_it() {
    for first_is_cancelled in [true, false] {
        let scene = made(1).await;
        let first = replace(&scene, ONE).await;
        let second = destroy(&scene, ONE).await;
        if first_is_cancelled {
            cancel(&scene, first).await;
        } else {
            let taken = take(&scene).await;
            taken.lease.finish(&failed()).await.unwrap();
        }
        recounted(&scene).await;
        assert!(scene.claim("ada@example.org", "4/x").await.is_err(), "another one removes it");
        cancel(&scene, second).await;
        recounted(&scene).await;
        assert!(scene.claim("ada@example.org", "4/x").await.is_ok(), "nothing is left of it");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rows_and_operations_agree_after_any_crowd() {
    let scene = made(6).await;
    let turn = async |n: u32| {
        let hostname = format!("lablink-vm-test-{}", n % 6 + 1);
        let id = match n % 3 {
            0 => destroy(&scene, &hostname).await,
            1 => replace(&scene, &hostname).await,
            _ => scene.launch(1).await,
        };
        if !n.is_multiple_of(4) {
            cancel(&scene, id).await;
        }
    };
    for round in 0..4 {
        futures_util::future::join_all((round * 12..round * 12 + 12).map(turn)).await;
        recounted(&scene).await;
    }
    for _ in 0..6 {
        let taken = take(&scene).await;
        begin(&taken).await.unwrap();
        recounted(&scene).await;
        taken.lease.finish(&failed()).await.unwrap();
        recounted(&scene).await;
    }
}

#[tokio::test]
async fn a_machine_that_was_claimed_since_is_left_out() {
    let scene = made(2).await;
    scene.claim("ada@example.org", "4/x").await.unwrap();
    for hostname in [ONE, "lablink-vm-test-2"] {
        let id = replace(&scene, hostname).await;
        // As an organiser's older page may have done it.
        scene.sql("update vm set removing_at = null").await;
        if hostname != ONE {
            scene.claim("bea@example.org", "4/y").await.unwrap();
        }
        let taken = take(&scene).await;
        let targets = begin(&taken).await.unwrap();
        assert_eq!(taken.operation.id, id);
        match &targets[0].standing {
            Standing::Replaced => assert_eq!(hostname, ONE, "ada's claim was known"),
            Standing::LeftOut(why) => assert!(hostname != ONE && why.contains("claimed"), "{why}"),
            other => panic!("{other:?}"),
        }
        taken.lease.finish(&failed()).await.unwrap();
    }
    let open = "select count(*) from claim where released_at is null";
    assert_eq!(scene.count(open).await, 1, "bea's");
    recounted(&scene).await;
}

#[tokio::test]
async fn nothing_is_made_that_no_row_wants() {
    let scene = made(1).await;
    let destroyed = destroy(&scene, ONE).await;
    let replaced = replace(&scene, ONE).await;
    let taken = take(&scene).await;
    assert_eq!(taken.operation.id, destroyed);
    let targets = begin(&taken).await.unwrap();
    vms::remove(&scene.by(admin()), &[targets[0].vm_id]).await.unwrap();
    taken.lease.finish(&Outcome::succeeded()).await.unwrap();
    // The name is somebody else's by now.
    scene.launch(1).await;

    let taken = take(&scene).await;
    assert_eq!(taken.operation.id, replaced);
    let targets = begin(&taken).await.unwrap();
    assert_eq!(targets[0].standing, Standing::Gone);
    assert_eq!(scene.count("select count(*) from vm where removed_at is null").await, 1);
}

#[tokio::test]
async fn a_retried_destroy_spares_who_has_claimed_the_vm_since() {
    let scene = made(1).await;
    let id = destroy(&scene, ONE).await;
    let taken = take(&scene).await;
    begin(&taken).await.unwrap();
    taken.lease.finish(&failed()).await.unwrap();
    scene.claim("ada@example.org", "4/x").await.unwrap();
    let again = operations::retry(&scene.by(admin()), &kinds(), id).await;
    assert!(matches!(again, Err(operations::RetryError::NothingLeft)));
}

#[tokio::test]
async fn a_replaced_vm_is_history_and_its_name_has_a_new_row() {
    let scene = made(2).await;
    scene.claim("ada@example.org", "4/x").await.unwrap();
    let id = replace(&scene, ONE).await;
    let taken = take(&scene).await;
    let targets = begin(&taken).await.unwrap();
    assert_eq!(begin(&taken).await.unwrap(), targets, "again, it changes nothing");
    assert_eq!(targets[0].vm_id, scene.vm_id(ONE).await);
    assert_eq!(scene.count("select count(*) from vm").await, 3, "once");
    assert_eq!(scene.count("select count(*) from claim where released_at is null").await, 0);
    let vms = vms::list(&scene.scope()).await.unwrap();
    let told: Vec<_> = vms.iter().map(|vm| (vm.number, vm.status, vm.removing)).collect();
    assert_eq!(told[0], (Some(1), VmStatus::Initializing, false));
    assert_eq!(told[1], (Some(2), VmStatus::Running, false));

    let step = operations::Step::waiting(name(ONE));
    let step = operations::Step { stage: operations::Stage::Done, ..step };
    let report = operations::Report {
        steps: &[step],
        makes: operations::Makes::Machines,
        ..operations::Report::default()
    };
    let used = "select count(*) from vm where removed_at is null and used_at is not null";
    assert_eq!(scene.count(used).await, 1, "what stands there is ada's until it was made anew");
    taken.lease.advance(&report).await.unwrap();
    assert_eq!(scene.count(used).await, 1, "a change of it in place makes nothing anew");
    state::take_in_hand(&scene.scope(), id, &[name(ONE)], &[]).await.unwrap();
    taken.lease.advance(&report).await.unwrap();
    assert_eq!(scene.count(used).await, 0);
    let told = "select count(*) from event where kind = 'vm.fresh'";
    assert_eq!(scene.count(told).await, 1);
    assert_eq!(operations::targets(&scene.db, id).await.unwrap(), targets);
}

#[tokio::test]
async fn an_operation_that_an_older_allocator_queued_has_its_targets_when_it_begins() {
    let scene = made(1).await;
    destroy(&scene, ONE).await;
    scene.sql("delete from operation_target; update vm set removing_at = null").await;
    let taken = take(&scene).await;
    let targets = begin(&taken).await.unwrap();
    assert_eq!(targets[0].standing, Standing::Included);
    recounted(&scene).await;
}

#[tokio::test]
async fn a_destroy_of_an_older_allocator_that_is_cancelled_frees_its_vm() {
    let scene = made(1).await;
    let id = destroy(&scene, ONE).await;
    scene.sql("delete from operation_target").await;
    cancel(&scene, id).await;
    recounted(&scene).await;
    assert!(scene.claim("ada@example.org", "4/x").await.is_ok());
}

#[tokio::test]
async fn taking_a_vm_back_while_a_destroy_waits_queues_nothing_more() {
    let scene = made(1).await;
    scene.claim("ada@example.org", "4/x").await.unwrap();
    destroy(&scene, ONE).await;
    let wish = TakeBack {
        hostname: &name(ONE),
        whose: Whose::Anybodys,
        reason: ReleaseReason::Released,
        then: Then::Replace,
    };
    let queued = operations::take_back(&scene.by(admin()), &wish).await.unwrap();
    assert_eq!(queued, None);
    recounted(&scene).await;
}
