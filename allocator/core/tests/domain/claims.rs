use std::time::Duration;

use lablink_core::{
    Actor, Token,
    claims::{self, ClaimState, Progress, Proof, Refusal, ReleaseReason, Situation},
    operations::{self, TakeBack, Then, Whose},
    pools::Reclaim,
    vms,
};
use lablink_protocol::{ClaimOutcome, ClaimResult, CrdCode, GpuHealth, Vitals, VmStatus};

use crate::scene::{Scene, admin, name};

async fn delivery(scene: &Scene, hostname: &str) -> claims::Delivery {
    match scene
        .looks
        .look(&scene.db, &name(hostname), None)
        .await
        .unwrap()
        .map(|sight| sight.situation)
    {
        Some(Situation::Claimed(delivery)) => delivery,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_stranger_who_knows_the_email_gets_nothing_and_the_organiser_sees_the_try() {
    let scene = Scene::with_running(2).await;
    scene.claim("ada@example.org", "4/hers").await.unwrap();
    let stranger = scene.claim("ada@example.org", "4/other").await;
    assert_eq!(stranger.unwrap_err(), Refusal::AlreadyClaimed);
    let false_proof = Some(Proof(Token::random()));
    let stranger = scene.claim_with("ada@example.org", "4/other", false_proof).await;
    assert_eq!(stranger.unwrap_err(), Refusal::AlreadyClaimed);

    let tries = "select count(*) from event where kind = 'claim.reentry_requested'";
    assert_eq!(scene.count(tries).await, 2);
    assert_eq!(delivery(&scene, "lablink-vm-test-1").await.code.as_str(), "4/hers");
}

#[tokio::test]
async fn the_link_of_somebody_elses_claim_proves_nothing() {
    let scene = Scene::with_running(2).await;
    scene.claim("ada@example.org", "4/ada").await.unwrap();
    let bob = scene.claim("bob@example.org", "4/bob").await.unwrap();
    let proof = Some(Proof(bob.link));
    let answer = scene.claim_with("ada@example.org", "4/new", proof).await;
    assert_eq!(answer.unwrap_err(), Refusal::AlreadyClaimed);
}

#[tokio::test]
async fn the_link_lets_its_holder_back_in_with_a_new_command() {
    let scene = Scene::with_running(2).await;
    let first = scene.claim("ada@example.org", "4/first").await.unwrap();
    let proof = Some(Proof(first.link));
    let again = scene.claim_with("ada@example.org", "4/second", proof).await.unwrap();
    assert_eq!(again.hostname, first.hostname);
    assert_eq!(again.pin.reveal(), first.pin.reveal());
    assert!(!again.is_new);
    let delivery = delivery(&scene, first.hostname.as_str()).await;
    assert_eq!((delivery.code.as_str(), delivery.command_no), ("4/second", 2));
}

#[tokio::test]
async fn the_email_alone_is_enough_where_the_organiser_says_so() {
    let scene = Scene::with_running(2).await;
    let scene = scene.ruled(|rules| rules.claiming.reclaim = Reclaim::Email);
    let first = scene.claim("ada@example.org", "4/first").await.unwrap();
    let again = scene.claim("ada@example.org", "4/second").await.unwrap();
    assert_eq!(again.hostname, first.hostname);
}

#[tokio::test]
async fn vms_that_are_not_fit_are_not_handed_out_nor_counted() {
    let scene = Scene::with_running(7).await;
    scene.report("lablink-vm-test-1", VmStatus::Initializing).await;
    scene.report("lablink-vm-test-2", VmStatus::Error).await;
    let (scope, unhealthy) = (&scene.scope(), name("lablink-vm-test-3"));
    vms::set_gpu(scope, &unhealthy, GpuHealth::Unhealthy, None).await.unwrap();
    let silent = name("lablink-vm-test-4");
    vms::heartbeat(scope, &silent, &Vitals::default()).await.unwrap();
    scene.sql("update vm_presence set last_seen = now() - interval '61 seconds'").await;
    scene.sql("update vm set removing_at = now() where number = 5").await;

    let granted = scene.claim("ada@example.org", "4/x").await.unwrap();
    assert_eq!(granted.hostname.as_str(), "lablink-vm-test-6", "before any pass has seen silence");
    vms::keep_states(scope).await.unwrap();
    assert_eq!(vms::free(scope).await.unwrap(), 1);
    let granted = scene.claim("bob@example.org", "4/x").await.unwrap();
    assert_eq!(granted.hostname.as_str(), "lablink-vm-test-7");
    assert_eq!(scene.claim("cleo@example.org", "4/x").await.unwrap_err(), Refusal::NoneFree);

    vms::heartbeat(scope, &silent, &Vitals::default()).await.unwrap();
    let granted = scene.claim("cleo@example.org", "4/x").await.unwrap();
    assert_eq!(granted.hostname.as_str(), "lablink-vm-test-4", "its agent is back");
}

#[tokio::test]
async fn a_vm_whose_agent_said_goodbye_is_not_handed_out_until_it_is_back() {
    let scene = Scene::with_running(1).await;
    let vm = name("lablink-vm-test-1");
    vms::goodbye(&scene.scope(), &vm).await.unwrap();
    assert_eq!(scene.claim("ada@example.org", "4/x").await.unwrap_err(), Refusal::NoneFree);
    vms::heartbeat(&scene.scope(), &vm, &Vitals::default()).await.unwrap();
    scene.claim("ada@example.org", "4/x").await.unwrap();
}

#[tokio::test]
async fn a_degraded_gpu_is_handed_out_last() {
    let scene = Scene::with_running(2).await;
    let first = name("lablink-vm-test-1");
    vms::set_gpu(&scene.scope(), &first, GpuHealth::Degraded, None).await.unwrap();
    let granted = scene.claim("ada@example.org", "4/x").await.unwrap();
    assert_eq!(granted.hostname.as_str(), "lablink-vm-test-2");
    let granted = scene.claim("bob@example.org", "4/x").await.unwrap();
    assert_eq!(granted.hostname, first);
}

#[tokio::test]
async fn none_free_is_said_only_after_looking_past_locks() {
    let scene = Scene::with_running(1).await;
    let mut other = scene.db.client().await.unwrap();
    let transaction = other.transaction().await.unwrap();
    transaction.execute("select from vm for update", &[]).await.unwrap();

    let claim = scene.claim("ada@example.org", "4/x");
    let let_go = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        drop(transaction);
    };
    let (granted, ()) = tokio::join!(claim, let_go);
    assert_eq!(granted.unwrap().hostname.as_str(), "lablink-vm-test-1");
}

#[tokio::test]
async fn a_released_claim_is_history_without_secrets_and_its_vm_is_used() {
    let scene = Scene::with_running(1).await;
    let first = scene.claim("ada@example.org", "4/x").await.unwrap();
    let wish = TakeBack {
        hostname: &first.hostname,
        whose: Whose::Anybodys,
        reason: ReleaseReason::Released,
        then: Then::Replace,
    };
    operations::take_back(&scene.by(admin()), &wish).await.unwrap();

    let view = claims::by_link(&scene.db, &first.link).await.unwrap().unwrap();
    assert!(matches!(view.progress, Progress::Over { reason: ReleaseReason::Released }));
    assert_eq!(
        scene
            .count("select count(*) from claim where pin is not null or crd_code is not null")
            .await,
        0
    );
    assert!(scene.claim("bob@example.org", "4/y").await.is_err(), "ada's files are on it");
    let used = "select count(*) from vm where used_at is not null and last_claim_id is not null";
    assert_eq!(scene.count(used).await, 1);
}

#[tokio::test]
async fn the_page_follows_the_agent_and_a_new_command_starts_over() {
    let scene = Scene::with_running(1).await;
    let granted = scene.claim("ada@example.org", "4/x").await.unwrap();
    let state =
        async || match claims::by_link(&scene.db, &granted.link).await.unwrap().unwrap().progress {
            Progress::Open { state, detail, .. } => (state, detail),
            Progress::Over { .. } => panic!("the claim is open"),
        };
    assert_eq!(state().await.0, ClaimState::Waiting);

    let first = delivery(&scene, "lablink-vm-test-1").await;
    scene.deliveries.note(&scene.scope(), &first).await.unwrap();
    assert_eq!(state().await.0, ClaimState::Connecting);

    let mut result = ClaimResult {
        hostname: granted.hostname.clone(),
        claim_id: first.claim_id.into(),
        command_no: Some(1),
        outcome: ClaimOutcome::Failed,
        detail: Some("The code has expired.".to_owned()),
        fault: None,
    };
    let agent = &scene.by(Actor::Agent(granted.hostname.clone()));
    claims::report(agent, &result).await.unwrap();
    assert_eq!(state().await, (ClaimState::Failed, Some("The code has expired.".to_owned())));

    let code = CrdCode::from_command("--code=4/new").unwrap();
    let given =
        claims::give_command(&scene.by(Actor::Anyone), &granted.link, Some(&code)).await.unwrap();
    assert_eq!(given, claims::Given::Taken);
    assert_eq!(state().await, (ClaimState::Waiting, None));
    assert!(claims::report(agent, &result).await.is_err(), "late: superseded");

    result = ClaimResult { command_no: Some(2), outcome: ClaimOutcome::Connected, ..result };
    claims::report(agent, &result).await.unwrap();
    assert_eq!(state().await.0, ClaimState::Connected);
}

#[tokio::test]
async fn an_agent_can_not_report_on_another_vms_claim() {
    let scene = Scene::with_running(2).await;
    scene.claim("ada@example.org", "4/x").await.unwrap();
    let delivery = delivery(&scene, "lablink-vm-test-1").await;
    let result = ClaimResult {
        hostname: name("lablink-vm-test-2"),
        claim_id: delivery.claim_id.into(),
        command_no: None,
        outcome: ClaimOutcome::Connected,
        detail: None,
        fault: None,
    };
    let agent = Actor::Agent(name("lablink-vm-test-2"));
    assert!(claims::report(&scene.by(agent), &result).await.is_err());
}
