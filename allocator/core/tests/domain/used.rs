//! A machine that a participant had goes to nobody else before it is made anew, or the organiser
//! says so.

use lablink_core::{
    Actor,
    claims::ReleaseReason,
    operations::{
        self, OperationId, OperationState, Outcome, TakeBack, TakeBackError, Then, Whose,
    },
    pools::Source,
    vms::{self, State},
};

use lablink_protocol::VmStatus;

use crate::scene::{Scene, admin, begin, kinds, name};

const ONE: &str = "lablink-vm-test-1";

/// One VM that was ada's and is being replaced.
async fn given_back() -> (Scene, OperationId) {
    let scene = Scene::with_running(1).await;
    take(&scene).await.lease.finish(&Outcome::succeeded()).await.unwrap();
    scene.claim("ada@example.org", "4/x").await.unwrap();
    let id = take_back(&scene, Then::Replace).await.unwrap().unwrap();
    (scene, id)
}

async fn take(scene: &Scene) -> operations::Taken {
    operations::take(&scene.scope(), "worker", &kinds()).await.unwrap().unwrap()
}

async fn take_back(scene: &Scene, then: Then) -> Result<Option<OperationId>, TakeBackError> {
    let hostname = name(ONE);
    let whose = Whose::Anybodys;
    let wish = TakeBack { hostname: &hostname, whose, reason: ReleaseReason::Released, then };
    operations::take_back(&scene.by(admin()), &wish).await
}

async fn state(scene: &Scene) -> Option<State> {
    let words = ["removing", "failed", "starting", "used", "stale", "claimed", "free"];
    for state in words.map(|word| word.parse().unwrap()) {
        if vms::counts(&scene.scope()).await.unwrap().of(state) > 0 {
            return Some(state);
        }
    }
    None
}

fn ended(state: OperationState) -> Outcome {
    Outcome { state, exit_code: None, reason: Some("No room.".to_owned()) }
}

#[tokio::test]
async fn whatever_becomes_of_its_replacement_nobody_else_gets_it() {
    for end in ["cancelled in the queue", "failed", "cancelled", "interrupted", "never begun"] {
        let (scene, id) = given_back().await;
        match end {
            "cancelled in the queue" => {
                operations::cancel(&scene.by(admin()), &kinds(), id).await.unwrap();
            }
            "never begun" => {}
            other => {
                let state = other.parse().unwrap();
                take(&scene).await.lease.finish(&ended(state)).await.unwrap();
            }
        }
        assert!(scene.claim("bea@example.org", "4/y").await.is_err(), "{end}");
        if end != "never begun" {
            assert_eq!(state(&scene).await, Some(State::Used), "{end}");
        }
    }
}

#[tokio::test]
async fn an_organiser_may_hand_it_out_as_it_is_or_have_it_made_anew() {
    let (scene, id) = given_back().await;
    operations::cancel(&scene.by(admin()), &kinds(), id).await.unwrap();
    let vm = vms::find(&scene.scope(), &name(ONE)).await.unwrap().unwrap();
    assert_eq!(vm.last_participant.as_deref(), Some("ada@example.org"));

    let id = take_back(&scene, Then::Replace).await.unwrap().expect("an operation");
    operations::cancel(&scene.by(admin()), &kinds(), id).await.unwrap();

    assert_eq!(take_back(&scene, Then::Reuse).await.unwrap(), None);
    assert!(scene.claim("bea@example.org", "4/y").await.is_ok());
    take_back(&scene, Then::Reuse).await.unwrap();
    let nobodys = take_back(&scene, Then::Reuse).await;
    assert!(
        matches!(nobodys, Err(TakeBackError::NotClaimed)),
        "it is fresh in the organiser's eyes"
    );
}

#[tokio::test]
async fn a_replacement_that_broke_off_in_the_middle_leaves_it_used() {
    let (scene, _) = given_back().await;
    let taken = take(&scene).await;
    let targets = begin(&taken).await.unwrap();
    let broken = [(targets[0].vm_id, "No room.".to_owned())];
    vms::fail(&scene.scope(), &broken).await.unwrap();
    taken.lease.finish(&ended(OperationState::Interrupted)).await.unwrap();
    // In `open` mode anybody may report for it, what is left of the old machine included.
    scene.report(ONE, VmStatus::Running).await;
    assert!(scene.claim("bea@example.org", "4/y").await.is_err());
    assert_eq!(state(&scene).await, Some(State::Used));
}

#[tokio::test]
async fn a_machine_that_left_the_pool_used_comes_back_used_whoever_brings_it() {
    let (scene, id) = given_back().await;
    operations::cancel(&scene.by(admin()), &kinds(), id).await.unwrap();
    scene.remove(ONE).await;
    // It reports by itself, in `open` mode; or Terraform's state has it again.
    let unproven = scene.by(Actor::UnprovenAgent);
    vms::admit(&unproven, &name(ONE)).await.unwrap();
    vms::set_status(&unproven, &name(ONE), VmStatus::Running).await.unwrap();
    assert_eq!(state(&scene).await, Some(State::Used));
    scene.remove(ONE).await;
    let found = [vms::Existing { hostname: name(ONE), number: 1 }];
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(1);
    vms::reconcile_existing(&scene.scope(), Source::Local, &found, later).await.unwrap();
    scene.report(ONE, VmStatus::Running).await;
    assert_eq!(state(&scene).await, Some(State::Used));
    assert!(scene.claim("bea@example.org", "4/y").await.is_err());
}
