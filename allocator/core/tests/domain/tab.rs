//! Claims without a command: their desktop is shown in the browser's tab.

use lablink_core::{
    Actor, Email,
    claims::{self, Granted, Progress, Proof, Refusal, Request, RequestError, Situation},
    line::{self, Joined, Presented, Standing},
    scope::Key,
};
use lablink_protocol::{
    BrowserDesktop, ClaimOutcome, ClaimResult, CrdCode, Fault, Vitals, VmStatus,
};

use crate::scene::{Scene, alone, name};

const ONE: &str = "lablink-vm-test-1";
const TWO: &str = "lablink-vm-test-2";

async fn claim(
    scene: &Scene,
    email: &str,
    key: Option<&Key>,
    proof: Option<Proof>,
) -> Result<Granted, Refusal> {
    let email: Email = email.parse().unwrap();
    let neighbours = &alone();
    let request = Request { email: &email, code: None, proof, neighbours, key: key.cloned() };
    match claims::request(&scene.scope(), &scene.intake, &request).await {
        Ok(granted) => Ok(granted),
        Err(RequestError::Refused(refusal)) => Err(refusal),
        Err(RequestError::Db(error)) => panic!("{error}"),
    }
}

async fn announces(scene: &Scene, vm: &str, desktop: BrowserDesktop) {
    let vitals = Vitals { desktop: Some(desktop), ..Vitals::default() };
    lablink_core::vms::heartbeat(&scene.scope(), &name(vm), &vitals).await.unwrap();
}

async fn code(scene: &Scene, vm: &str) -> CrdCode {
    match scene.looks.look(&scene.db, &name(vm), None).await.unwrap().unwrap().situation {
        Situation::Claimed(delivery) => delivery.code,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_claim_without_a_command_gets_a_machine_whose_agent_shows_its_desktop_and_no_other() {
    let scene = Scene::with_running(2).await;
    assert_eq!(claim(&scene, "ada@example.org", None, None).await.unwrap_err(), Refusal::NoneFree);
    announces(&scene, ONE, BrowserDesktop::Impossible("no server".to_owned())).await;
    announces(&scene, TWO, BrowserDesktop::Possible).await;
    let ada = claim(&scene, "ada@example.org", None, None).await.unwrap();
    assert_eq!(ada.hostname.as_str(), TWO);
    assert!(code(&scene, TWO).await.is_for_tab());
    assert_eq!(claim(&scene, "bob@example.org", None, None).await.unwrap_err(), Refusal::NoneFree);
    let bob = scene.claim("bob@example.org", "4/b").await.unwrap();
    assert_eq!(bob.hostname.as_str(), ONE, "a command opens every machine");
    let view = claims::by_link(&scene.db, &ada.link).await.unwrap().unwrap();
    let Progress::Open { offers_desktop: true, has_command: false, .. } = view.progress else {
        panic!("{view:?}");
    };
}

#[tokio::test]
async fn what_an_agent_takes_back_counts_from_then_on() {
    let scene = Scene::with_running(1).await;
    announces(&scene, ONE, BrowserDesktop::Possible).await;
    announces(&scene, ONE, BrowserDesktop::Impossible("gone".to_owned())).await;
    assert_eq!(claim(&scene, "ada@example.org", None, None).await.unwrap_err(), Refusal::NoneFree);
}

#[tokio::test]
async fn the_same_key_and_e_mail_are_the_same_claim_and_the_e_mail_alone_is_none() {
    let scene = Scene::with_running(2).await;
    for vm in [ONE, TWO] {
        announces(&scene, vm, BrowserDesktop::Possible).await;
    }
    let key = Key::random();
    let both = tokio::join!(
        claim(&scene, "ada@example.org", Some(&key), None),
        claim(&scene, "ada@example.org", Some(&key), None),
    );
    let (first, second) = (both.0.unwrap(), both.1.unwrap());
    assert_eq!(first.link.reveal(), second.link.reveal());
    let before = code(&scene, first.hostname.as_str()).await;
    let again = claim(&scene, "ada@example.org", Some(&key), None).await.unwrap();
    assert_eq!((again.hostname.as_str(), again.is_new), (first.hostname.as_str(), true));
    assert_eq!(code(&scene, first.hostname.as_str()).await, before, "nothing is started again");
    let other = claim(&scene, "ada@example.org", Some(&Key::random()), None).await;
    assert_eq!(other.unwrap_err(), Refusal::AlreadyClaimed);
    assert_eq!(
        claim(&scene, "ada@example.org", None, None).await.unwrap_err(),
        Refusal::AlreadyClaimed
    );
    let proof = Some(Proof(first.link));
    let back = claim(&scene, "ada@example.org", None, proof).await.unwrap();
    assert_eq!((back.hostname.as_str(), back.is_new), (first.hostname.as_str(), false));
    assert_eq!(scene.count("select count(*) from claim").await, 1);
}

#[tokio::test]
async fn who_has_given_a_command_keeps_its_desktop_when_they_come_back_without_one() {
    let scene = Scene::with_running(1).await;
    announces(&scene, ONE, BrowserDesktop::Possible).await;
    let ada = scene.claim("ada@example.org", "4/a").await.unwrap();
    claim(&scene, "ada@example.org", None, Some(Proof(ada.link))).await.unwrap();
    assert_eq!(code(&scene, ONE).await.as_str(), "4/a");
}

#[tokio::test]
async fn many_with_and_without_a_command_at_once_get_machines_that_suit_them() {
    let scene = Scene::with_running(20).await;
    scene.sql("update vm set offers_desktop = number <= 10").await;
    let emails: Vec<String> = (0..20).map(|nr| format!("p{nr}@example.org")).collect();
    let without = emails[..10].iter().map(|email| claim(&scene, email, None, None));
    let without = futures_util::future::join_all(without).await;
    let with = emails[10..].iter().map(|email| scene.claim(email, "4/x"));
    let with = futures_util::future::join_all(with).await;
    assert!(without.iter().all(Result::is_ok) && with.iter().all(Result::is_ok));
    let wrong = "select count(*) from claim join vm on vm.claim_id = claim.id
                 where starts_with(crd_code, 'lablink-tab-') and not offers_desktop";
    assert_eq!(scene.count(wrong).await, 0);
    assert_eq!(scene.count("select count(distinct vm_id) from claim").await, 20);
}

#[tokio::test]
async fn a_place_in_line_takes_its_machine_without_a_command_where_that_shows_its_desktop() {
    let scene = Scene::new().await;
    let joined = scene.join("ada@example.org", Presented::default()).await.unwrap();
    let Joined::Place(ada) = joined else { panic!("no VM") };
    scene.launch(1).await;
    scene.report(ONE, VmStatus::Running).await;
    let standing = line::look(&scene.scope(), &ada).await.unwrap().unwrap();
    assert!(matches!(standing, Standing::Offered { offers_desktop: false, .. }), "{standing:?}");
    let refused = line::claim(&scene.scope(), &ada, None).await.unwrap();
    assert!(matches!(refused, line::ClaimKept::NothingKept), "{refused:?}");
    announces(&scene, ONE, BrowserDesktop::Possible).await;
    let standing = line::look(&scene.scope(), &ada).await.unwrap().unwrap();
    assert!(matches!(standing, Standing::Offered { offers_desktop: true, .. }), "{standing:?}");
    let claimed = line::claim(&scene.by(Actor::Anyone), &ada, None).await.unwrap();
    assert!(matches!(claimed, line::ClaimKept::Claimed(_)), "{claimed:?}");
    assert!(code(&scene, ONE).await.is_for_tab());
}

/// They may wait for long for one of the few machines that suit them.
#[tokio::test]
async fn who_needs_a_tab_on_another_machine_holds_up_nobody_who_has_a_command() {
    let scene = Scene::with_running(2).await;
    announces(&scene, ONE, BrowserDesktop::Possible).await;
    let ada = claim(&scene, "ada@example.org", None, None).await.unwrap();
    let bob = scene.claim("bob@example.org", "4/b").await.unwrap();
    breaks(&scene, ONE, 1).await;
    breaks(&scene, TWO, 2).await;
    let third = scene.hostnames_of(scene.launch(1).await).await.remove(0);
    scene.report(&third, VmStatus::Running).await;
    let at = async |link| claims::by_link(&scene.db, link).await.unwrap().unwrap().hostname;
    assert_eq!((at(&ada.link).await, at(&bob.link).await), (name(ONE), name(&third)));
    let fourth = scene.hostnames_of(scene.launch(1).await).await.remove(0);
    announces(&scene, &fourth, BrowserDesktop::Possible).await;
    scene.report(&fourth, VmStatus::Running).await;
    assert_eq!(at(&ada.link).await, name(&fourth));
}

/// The desktop of a claim does not start there, through the machine.
async fn breaks(scene: &Scene, vm: &str, claim_id: i64) {
    let result = ClaimResult {
        hostname: name(vm),
        claim_id,
        command_no: Some(1),
        outcome: ClaimOutcome::Failed,
        detail: Some("No desktop starts here.".to_owned()),
        fault: Some(Fault::Machine),
    };
    claims::report(&scene.by(Actor::Agent(name(vm))), &result).await.unwrap();
}
