//! VMs that a cloud has no room for.

use std::time::Duration;

use lablink_core::{
    operations::{self, Again, Counts, OperationId, OperationState, Report, Stage, Step, Taken},
    placement::{self, Place, Refused, Shortage},
    state,
    vms::{self, State},
};
use lablink_protocol::VmStatus;

use crate::{
    errand::{find, known, take},
    scene::{Scene, admin, begin, name},
};

const MADE: &str = "lablink-vm-test-1";
const WAITS: &str = "lablink-vm-test-2";

fn place(zone: &str) -> Place {
    Place { machine_type: "g4dn.xlarge".to_owned(), zone: zone.to_owned() }
}

async fn refuse(scene: &Scene, taken: &Taken, from: &str, to: &str) {
    let refused = Refused {
        vm_id: scene.vm_id(WAITS).await,
        place: Some(place(from)),
        shortage: Shortage::Capacity,
        reason: "There is no room.".to_owned(),
        next: Some(place(to)),
    };
    let id = taken.operation.id;
    for _ in 0..2 {
        let refused = std::slice::from_ref(&refused);
        placement::put_off(&scene.scope(), id, taken.operation.attempts, refused).await.unwrap();
    }
}

async fn put_off(taken: &Taken) {
    let reason = "1 VM could not be made yet.".to_owned();
    let again = Again { reason, pause: Duration::from_secs(60), counts: Counts::AsPart };
    taken.lease.try_again(&again).await.unwrap();
}

/// A launch of two VMs on AWS, of which one was made and one was refused.
async fn half_done() -> (Scene, OperationId) {
    let scene = Scene::new().await;
    let id = scene.launch(2).await;
    scene.sql("update vm set source = 'aws'").await;
    let taken = take(&scene).await.unwrap();
    begin(&taken).await.unwrap();
    let both = [name(MADE), name(WAITS)];
    lablink_core::agents::issue_enrolments(&scene.scope(), &both).await.unwrap();
    state::take_in_hand(&scene.scope(), id, &both, &[]).await.unwrap();
    let waiting =
        Step { detail: Some("There is no room.".to_owned()), ..Step::waiting(name(WAITS)) };
    let steps = [Step { stage: Stage::Done, ..Step::waiting(name(MADE)) }, waiting];
    let report = Report { steps: &steps, done: 1, total: 2, ..Report::default() };
    taken.lease.advance(&report).await.unwrap();
    state::made_by(&scene.scope(), id).await.unwrap();
    refuse(&scene, &taken, "a", "b").await;
    put_off(&taken).await;
    (scene, id)
}

#[tokio::test]
async fn what_was_made_can_be_claimed_while_the_rest_waits_and_others_have_their_turn() {
    let (scene, id) = half_done().await;
    let waiting = find(&scene, id).await;
    assert_eq!((waiting.state, waiting.attempts), (OperationState::Queued, 1));
    assert!(waiting.max_attempts > waiting.attempts && waiting.not_before.is_some());
    let row = vms::find(&scene.scope(), &name(WAITS)).await.unwrap().unwrap();
    assert_eq!(row.status_reason.as_deref(), Some("There is no room."));
    scene.report(MADE, VmStatus::Running).await;
    vms::hear(&scene.scope(), &name(MADE)).await.unwrap();
    assert_eq!(scene.claim("ada@example.org", "4/a").await.unwrap().hostname.as_str(), MADE);
    let other = scene.launch(1).await;
    assert_eq!(take(&scene).await.unwrap().operation.id, other, "the lane is free meanwhile");
}

#[tokio::test]
async fn the_next_attempt_knows_where_to_try_whoever_makes_it() {
    let (scene, id) = half_done().await;
    let both = [name(MADE), name(WAITS)];
    let planned = placement::planned(&scene.scope(), &both).await.unwrap();
    assert_eq!(planned.into_iter().collect::<Vec<_>>(), [(name(WAITS), place("b"))]);
    scene.sql("update operation set not_before = now()").await;
    let taken = take(&scene).await.unwrap();
    refuse(&scene, &taken, "b", "c").await;
    let told = placement::refusals(&scene.db, id, 10).await.unwrap();
    let told: Vec<_> = told.iter().map(|it| (it.attempt, it.place.clone().unwrap().zone)).collect();
    assert_eq!(told, [(2, "b".to_owned()), (1, "a".to_owned())], "each once");
    assert_eq!(placement::refusals(&scene.db, id, 1).await.unwrap().len(), 1);
    assert!(placement::is_refused(&scene.db, id).await.unwrap());
    let planned = placement::planned(&scene.scope(), &both).await.unwrap();
    assert_eq!(planned[&name(WAITS)], place("c"));
}

#[tokio::test]
async fn a_rest_that_is_called_off_leaves_nothing_and_what_was_made_stays() {
    let (scene, id) = half_done().await;
    assert!(operations::cancel(&scene.by(admin()), &known(), id).await.unwrap());
    let ended = find(&scene, id).await;
    assert_eq!(ended.state, OperationState::Cancelled);
    let there = vms::list(&scene.scope()).await.unwrap();
    assert_eq!(there.iter().map(|vm| vm.hostname.as_str()).collect::<Vec<_>>(), [MADE]);
    let steps = operations::steps(&scene.db, id).await.unwrap();
    let stages: Vec<_> = steps.iter().map(|step| step.stage).collect();
    assert_eq!(stages, [Stage::Done, Stage::Unfinished]);
    let tokens = "select count(*) from enrolment join vm on vm.id = vm_id where hostname = ";
    assert_eq!(scene.count(&format!("{tokens}'{WAITS}'")).await, 0);
    assert_eq!(scene.count(&format!("{tokens}'{MADE}'")).await, 1, "its agent is still to come");
    assert!(operations::undone(&scene.scope(), &known(), id).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_vm_that_waits_for_room_is_not_late_and_keeps_no_token() {
    let (scene, _) = half_done().await;
    scene.sql("update vm set created_at = now() - interval '2 hours'").await;
    scene.sql("update operation set created_at = now() - interval '2 hours'").await;
    vms::notice(&scene.scope()).await.unwrap();
    let limits = vms::Limits {
        suspect_after: Duration::from_secs(180),
        overdue_after: Duration::from_secs(120),
    };
    vms::point_out(&scene.scope(), limits).await.unwrap();
    assert_eq!(vms::counts(&scene.scope()).await.unwrap().of(State::Overdue), 0);
    let kept = format!(
        "select count(*) from enrolment join vm on vm.id = vm_id where hostname = '{WAITS}'"
    );
    assert_eq!(scene.count(&kept).await, 0);
}

#[tokio::test]
async fn an_attempt_that_was_to_stop_waits_for_no_pause() {
    let scene = Scene::new().await;
    let id = scene.launch(1).await;
    let taken = take(&scene).await.unwrap();
    operations::cancel(&scene.by(admin()), &known(), id).await.unwrap();
    put_off(&taken).await;
    let taken = take(&scene).await.unwrap();
    assert!(taken.operation.cancel_requested);
}
