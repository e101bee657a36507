//! What an organiser does beside operations: take VMs back, let people in again, look for VMs,
//! register machines.

use lablink_core::{
    Actor,
    agents::{self, Bearer},
    claims::{self, Progress, ReleaseReason, Which},
    events,
    operations::{self, OperationId, TakeBack, TakeBackError, Then, Whose},
    pools::AfterUse,
    startup, usage,
    vms::{self, RegisterError},
};
use lablink_protocol::{GpuHealth, VmStatus};

use crate::scene::{Scene, admin, name};

async fn take_back(
    scene: &Scene,
    hostname: &str,
    whose: Whose,
    then: Then,
) -> Result<Option<OperationId>, TakeBackError> {
    let hostname = name(hostname);
    let wish = TakeBack { hostname: &hostname, whose, reason: ReleaseReason::Returned, then };
    operations::take_back(&scene.by(admin()), &wish).await
}

#[tokio::test]
async fn a_vm_that_is_given_back_is_replaced_and_nobody_gets_it_as_it_is() {
    let scene = Scene::with_running(1).await;
    let ada = scene.claim("ada@example.org", "4/x").await.unwrap();
    let operation = take_back(&scene, "lablink-vm-test-1", Whose::Anybodys, Then::Replace).await;
    let operation = operation.unwrap().unwrap();
    assert_eq!(scene.hostnames_of(operation).await, ["lablink-vm-test-1"]);
    let view = claims::by_link(&scene.db, &ada.link).await.unwrap().unwrap();
    assert!(matches!(view.progress, Progress::Over { reason: ReleaseReason::Returned }));
    assert!(scene.claim("bob@example.org", "4/x").await.is_err());
    let again = take_back(&scene, "lablink-vm-test-1", Whose::Anybodys, Then::Reuse).await;
    assert!(matches!(again, Err(TakeBackError::NotClaimed)));
}

#[tokio::test]
async fn who_gives_back_an_old_claim_takes_nothing_from_the_next_participant() {
    let scene = Scene::with_running(1).await;
    let ada = scene.claim("ada@example.org", "4/x").await.unwrap();
    let old = claims::by_link(&scene.db, &ada.link).await.unwrap().unwrap().id;
    take_back(&scene, "lablink-vm-test-1", Whose::Claim(old), Then::Reuse).await.unwrap();
    scene.claim("bob@example.org", "4/y").await.unwrap();
    let late = take_back(&scene, "lablink-vm-test-1", Whose::Claim(old), Then::Reuse).await;
    assert!(matches!(late, Err(TakeBackError::NotClaimed)));
    let open = claims::list(&scene.scope(), Which::Open, None, 10).await.unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(open[0].email, "bob@example.org");
    let vm = name("lablink-vm-test-1");
    let of_vm = claims::list(&scene.scope(), Which::OfVm(&vm), None, 10).await.unwrap();
    assert_eq!(of_vm.len(), 2, "history keeps the first");
}

#[tokio::test]
async fn a_request_to_get_back_in_is_answered_by_a_new_link() {
    let scene = Scene::with_running(1).await;
    scene.claim("ada@example.org", "4/x").await.unwrap();
    let reentries = async || claims::reentries(&scene.scope()).await.unwrap();
    assert!(reentries().await.is_empty());
    for _ in 0..2 {
        scene.claim("ada@example.org", "4/forgot").await.unwrap_err();
    }
    let asked = reentries().await;
    assert_eq!((asked.len(), asked[0].asked, asked[0].email.as_str()), (1, 2, "ada@example.org"));
    let id = asked[0].claim_id;
    let new = claims::issue_link(&scene.by(admin()), id).await.unwrap().unwrap();
    assert!(claims::by_link(&scene.db, &new.link).await.unwrap().is_some());
    assert!(reentries().await.is_empty(), "answered");
    scene.claim("ada@example.org", "4/again").await.unwrap_err();
    assert_eq!(reentries().await[0].asked, 1);
    take_back(&scene, "lablink-vm-test-1", Whose::Anybodys, Then::Reuse).await.unwrap();
    assert!(reentries().await.is_empty(), "the claim is over");
    assert!(claims::issue_link(&scene.by(admin()), id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_registered_machine_enrols_once_is_claimed_and_can_be_forgotten() {
    let scene = Scene::new().await.ruled(|rules| rules.machines.after_use = AfterUse::Reuse);
    let desk = || name("desk-7.lab.example.org");
    let register = async |hostname| vms::register(&scene.by(admin()), hostname, None).await;
    let first = register(Some(desk())).await.unwrap();
    assert!(matches!(register(Some(desk())).await, Err(RegisterError::Taken)));
    let reserved = register(Some(name("lablink-vm-test-1"))).await;
    assert!(matches!(reserved, Err(RegisterError::Reserved)));
    let made_up = register(None).await.unwrap();
    assert!(made_up.hostname.as_str().starts_with("machine-"));

    let second = vms::renew_enrolment(&scene.by(admin()), desk()).await.unwrap();
    let enrol = async |token| agents::enrol(&scene.scope(), &desk(), token).await;
    assert!(enrol(&first.enrolment_token).await.is_err(), "void since the second");
    let token = enrol(&second.enrolment_token).await.unwrap();
    let itself = Bearer::Agent { hostname: desk(), attends: false };
    assert_eq!(scene.bearer(&token).await, Some(itself));
    assert!(enrol(&second.enrolment_token).await.is_err(), "once its token is used");
    scene.report("desk-7.lab.example.org", VmStatus::Running).await;
    let granted = scene.claim("ada@example.org", "4/x").await.unwrap();
    assert_eq!(granted.hostname, desk());

    // It can't be made anew, so it goes back as it is.
    let whose = Whose::Anybodys;
    let operation = take_back(&scene, "desk-7.lab.example.org", whose, Then::Replace).await;
    assert_eq!(operation.unwrap(), None);
    let granted = scene.claim("bob@example.org", "4/x").await.unwrap();
    assert!(vms::forget(&scene.by(admin()), &desk()).await.unwrap());
    assert!(!vms::forget(&scene.by(admin()), &desk()).await.unwrap());
    let view = claims::by_link(&scene.db, &granted.link).await.unwrap().unwrap();
    assert!(matches!(view.progress, Progress::Over { reason: ReleaseReason::Released }));
    assert!(scene.bearer(&token).await.is_none());
    let launched = Scene::with_running(1).await;
    let vm = name("lablink-vm-test-1");
    assert!(!vms::forget(&launched.by(admin()), &vm).await.unwrap());
}

#[tokio::test]
async fn a_report_that_changes_nothing_is_no_event() {
    let scene = Scene::with_running(2).await;
    let vm = name("lablink-vm-test-1");
    for health in [GpuHealth::Healthy, GpuHealth::Unhealthy, GpuHealth::Unhealthy] {
        vms::set_gpu(&scene.scope(), &vm, health, None).await.unwrap();
    }
    let changes = "select count(*) from event where kind = 'vm.gpu_changed'";
    assert_eq!(scene.count(changes).await, 2, "the same again is no change");
}

#[tokio::test]
async fn the_last_hours_are_told_by_what_was_counted() {
    let scene = Scene::with_running(2).await;
    let unknown = usage::samples(&scene.scope(), 4).await.unwrap();
    assert!(unknown.is_empty(), "nobody has counted yet");
    let vm = name("lablink-vm-test-1");
    vms::set_gpu(&scene.scope(), &vm, GpuHealth::Healthy, None).await.unwrap();
    usage::record(&scene.scope()).await.unwrap();
    // Of three quarters of an hour ago; nobody counted in the two after it.
    scene.sql("update usage_sample set at = at - interval '45 minutes'").await;
    vms::set_gpu(&scene.scope(), &vm, GpuHealth::Unhealthy, None).await.unwrap();
    scene.claim("ada@example.org", "4/x").await.unwrap();
    vms::set_in_use(&scene.by(Actor::System), &name("lablink-vm-test-2"), true, None)
        .await
        .unwrap();
    for _ in 0..2 {
        usage::record(&scene.scope()).await.unwrap();
    }
    let samples = usage::samples(&scene.scope(), 5).await.unwrap();
    let told: Vec<_> = samples.iter().map(|it| (it.claimed, it.healthy, it.unhealthy)).collect();
    assert_eq!(told, [(0, 0, 0), (0, 1, 0), (0, 1, 0), (0, 1, 0), (1, 0, 1)]);
    let used: Vec<_> = samples.iter().map(|it| it.in_use).collect();
    assert_eq!(used, [0, 0, 0, 0, 1]);
    assert_eq!(samples[4].at.duration_since(samples[0].at), usage::STEP * 4);
}

#[tokio::test]
async fn a_vms_history_and_start_are_told() {
    let scene = Scene::new().await;
    scene.launch(1).await;
    scene.report("lablink-vm-test-1", VmStatus::Running).await;
    let vm = name("lablink-vm-test-1");
    let events = events::of_vm(&scene.scope(), &vm, 10).await.unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event.word.as_str()).collect();
    assert_eq!(kinds, ["vm.status_changed", "vm.requested"]);
    let starts = startup::recent(&scene.scope(), 5).await.unwrap();
    assert_eq!(starts.len(), 1);
    assert!(starts[0].ready_at.unwrap() >= starts[0].asked_at);
}
