use lablink_core::{
    Token,
    agents::{self, Bearer, EnrolError},
    operations::{self, Outcome, Replace, RetryError},
    vms,
};

use lablink_protocol::Hostname;

use crate::scene::{Scene, admin, kinds, name};

/// One that has neither waited nor sent a heartbeat.
fn new_agent(hostname: &Hostname) -> Option<Bearer> {
    Some(Bearer::Agent { hostname: hostname.clone(), attends: false })
}

#[tokio::test]
async fn an_enrolment_token_works_once_for_its_vm() {
    let scene = Scene::with_running(2).await;
    let (one, two) = (name("lablink-vm-test-1"), name("lablink-vm-test-2"));
    let token = agents::issue_enrolment(&scene.scope(), &one).await.unwrap().unwrap();
    let enrol = async |hostname, token| agents::enrol(&scene.scope(), hostname, token).await;

    assert!(matches!(enrol(&two, &token).await, Err(EnrolError::Refused)));
    let guess = Token::random();
    assert!(matches!(enrol(&one, &guess).await, Err(EnrolError::Refused)));
    let agent = enrol(&one, &token).await.unwrap();
    assert_eq!(scene.bearer(&agent).await, new_agent(&one));
    assert!(matches!(enrol(&one, &token).await, Err(EnrolError::Refused)), "used");
}

#[tokio::test]
async fn an_enrolment_whose_answer_was_lost_can_be_tried_again_until_its_token_is_used() {
    let scene = Scene::with_running(1).await;
    let one = name("lablink-vm-test-1");
    let token = agents::issue_enrolment(&scene.scope(), &one).await.unwrap().unwrap();
    let enrol = async || agents::enrol(&scene.scope(), &one, &token).await;
    let lost = enrol().await.unwrap();
    let second = enrol().await.unwrap();
    assert_eq!(scene.bearer(&lost).await, None, "the one before is void");
    assert_eq!(scene.bearer(&second).await, new_agent(&one));
    assert!(matches!(enrol().await, Err(EnrolError::Refused)), "it was used");
    assert_eq!(scene.bearer(&second).await, new_agent(&one));

    // With a credential gone, a spent token is no way back in.
    scene.sql("delete from agent_credential").await;
    assert!(matches!(enrol().await, Err(EnrolError::Refused)));
    scene.sql("update enrolment set used_at = null").await;
    enrol().await.unwrap();
    scene.sql("update enrolment set expires_at = now()").await;
    assert!(matches!(enrol().await, Err(EnrolError::Refused)), "its hour is over");
}

/// The first one counts: a token that was accepted stays valid.
#[tokio::test(flavor = "multi_thread")]
async fn first_use_and_another_enrolment_at_once_leave_one_token_that_works() {
    let scene = Scene::with_running(1).await;
    let (scope, one) = (&scene.scope(), name("lablink-vm-test-1"));
    for _ in 0..40 {
        let token = agents::issue_enrolment(scope, &one).await.unwrap().unwrap();
        let first = agents::enrol(scope, &one, &token).await.unwrap();
        let (used, again) = tokio::join!(scene.bearer(&first), agents::enrol(scope, &one, &token));
        let (used, again) = (used.is_some(), again.ok());
        assert!(used != again.is_some(), "used: {used}, enrolled again: {}", again.is_some());
        let works = again.unwrap_or(first);
        assert!(scene.bearer(&works).await.is_some());
        scene.sql("delete from event").await; // of which a VM has a budget
    }
}

#[tokio::test]
async fn a_launched_vm_that_never_enrolled_is_replaced_by_a_retry() {
    let scene = Scene::with_running(1).await;
    let (scope, teacher) = (&scene.scope(), &scene.by(admin()));
    let taken = operations::take(scope, "worker", &kinds()).await.unwrap().unwrap();
    taken.lease.finish(&Outcome::succeeded()).await.unwrap();
    let (launch, one) = (taken.operation.id, name("lablink-vm-test-1"));
    scene.sql("update vm set status = 'initializing'").await;
    let vm_id = vms::find(scope, &one).await.unwrap().unwrap().id;
    let token = agents::issue_enrolment(scope, &one).await.unwrap().unwrap();
    agents::enrol(scope, &one, &token).await.unwrap();
    let retry = async || operations::retry(teacher, &kinds(), launch).await;
    assert!(matches!(retry().await, Err(RetryError::NothingLeft)), "it may just be starting");
    scene.sql("update enrolment set expires_at = now() + interval '40 minutes'").await;
    assert!(agents::has_never_enrolled(&scene.db, vm_id).await.unwrap());
    let again = retry().await.unwrap();
    let replace = operations::find(scope, again).await.unwrap().unwrap();
    assert_eq!(replace.job().unwrap(), Some(Replace { hostnames: vec![one.clone()] }));
    assert!(matches!(retry().await, Err(RetryError::NothingLeft)), "that is under way");

    operations::cancel(teacher, &kinds(), again).await.unwrap();
    let token = agents::issue_enrolment(scope, &one).await.unwrap().unwrap();
    let agent = agents::enrol(scope, &one, &token).await.unwrap();
    scene.bearer(&agent).await.unwrap();
    scene.sql("update enrolment set expires_at = now() + interval '40 minutes'").await;
    assert!(!agents::has_never_enrolled(&scene.db, vm_id).await.unwrap(), "its agent was there");
    assert!(matches!(retry().await, Err(RetryError::NothingLeft)));
}

#[tokio::test]
async fn an_old_enrolment_token_is_refused() {
    let scene = Scene::with_running(1).await;
    let one = name("lablink-vm-test-1");
    let token = agents::issue_enrolment(&scene.scope(), &one).await.unwrap().unwrap();
    scene.sql("update enrolment set expires_at = now() - interval '1 second'").await;
    assert!(matches!(agents::enrol(&scene.scope(), &one, &token).await, Err(EnrolError::Refused)));
}

#[tokio::test]
async fn a_machine_made_anew_voids_the_token_of_the_old_one() {
    let scene = Scene::with_running(1).await;
    let one = name("lablink-vm-test-1");
    let mut agents_of_one = Vec::new();
    for _ in 0..2 {
        let token = agents::issue_enrolment(&scene.scope(), &one).await.unwrap().unwrap();
        agents_of_one.push(agents::enrol(&scene.scope(), &one, &token).await.unwrap());
    }
    assert_eq!(scene.bearer(&agents_of_one[0]).await, None);
    assert_eq!(scene.bearer(&agents_of_one[1]).await, new_agent(&one));
}

#[tokio::test]
async fn no_token_is_stored_as_it_is() {
    let scene = Scene::with_running(1).await;
    let one = name("lablink-vm-test-1");
    let token = agents::issue_enrolment(&scene.scope(), &one).await.unwrap().unwrap();
    let stored = format!(
        "select count(*) from enrolment where encode(token_sha256, 'escape') like '%{}%'",
        &token.reveal()[..20]
    );
    assert_eq!(scene.count(&stored).await, 0);
}
