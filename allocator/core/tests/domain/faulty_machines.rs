//! Starts that fail through no fault of the command.

use std::time::Duration;

use lablink_core::{
    Actor, Token,
    claims::{
        self, ClaimState, ClaimView, Granted, Machine, NoSuchClaim, Progress, Refusal,
        ReleaseReason, Situation,
    },
    line::{self, Presented, Standing},
    operations::{self, TakeBack, Then, Whose},
    vms,
};
use lablink_protocol::{ClaimOutcome, ClaimResult, CrdCode, Fault, VmStatus};

use crate::scene::{Scene, admin, name};

async fn report(
    scene: &Scene,
    hostname: &str,
    command_no: i32,
    fault: Option<Fault>,
) -> Result<(), NoSuchClaim> {
    let outcome = if fault.is_some() { ClaimOutcome::Failed } else { ClaimOutcome::Connected };
    let detail = fault.map(|fault| format!("start-host: {fault:?}."));
    let (hostname, claim_id, command_no) = (name(hostname), 1, Some(command_no));
    let result = ClaimResult { hostname, claim_id, command_no, outcome, detail, fault };
    let agent = Actor::Agent(result.hostname.clone());
    claims::report(&scene.by(agent), &result).await
}

async fn breaks(scene: &Scene, hostname: &str, command_no: i32) {
    report(scene, hostname, command_no, Some(Fault::Machine)).await.unwrap();
}

async fn view(scene: &Scene, link: &Token) -> ClaimView {
    claims::by_link(&scene.db, link).await.unwrap().unwrap()
}

fn open(view: &ClaimView) -> (ClaimState, Machine) {
    match &view.progress {
        Progress::Open { state, machine, .. } => (*state, *machine),
        Progress::Over { reason } => panic!("{reason}"),
    }
}

async fn in_error(scene: &Scene) -> i64 {
    scene.count("select count(*) from vm where status = 'error' and status_reason like '%start its agent again%'").await
}

async fn ada_with(vms: u32) -> (Scene, Granted) {
    let scene = Scene::with_running(vms).await;
    let ada = scene.claim("ada@example.org", "4/x").await.unwrap();
    (scene, ada)
}

const ONE: &str = "lablink-vm-test-1";
const TWO: &str = "lablink-vm-test-2";

#[tokio::test]
async fn who_has_a_broken_machine_gets_another_with_the_same_command() {
    let (scene, ada) = ada_with(2).await;
    breaks(&scene, ONE, 1).await;
    let moved = view(&scene, &ada.link).await;
    assert_eq!((moved.hostname.as_str(), moved.moved_from.unwrap().as_str()), (TWO, ONE));
    let Some(Situation::Claimed(delivery)) =
        scene.looks.look(&scene.db, &name(TWO), None).await.unwrap().map(|sight| sight.situation)
    else {
        panic!("its agent must be told");
    };
    assert_eq!((delivery.code.as_str(), delivery.pin.reveal()), ("4/x", ada.pin.reveal()));
    let Some(Situation::Unclaimed { .. }) =
        scene.looks.look(&scene.db, &name(ONE), None).await.unwrap().map(|sight| sight.situation)
    else {
        panic!("the broken one's agent must let go");
    };
    assert_eq!(in_error(&scene).await, 1);
    assert_eq!(scene.claim("bob@example.org", "4/y").await.unwrap_err(), Refusal::NoneFree);
    let late = report(&scene, ONE, 1, Some(Fault::Machine)).await;
    assert!(matches!(late, Err(NoSuchClaim::Superseded)), "told twice");

    report(&scene, TWO, 1, None).await.unwrap();
    assert_eq!(open(&view(&scene, &ada.link).await), (ClaimState::Connected, Machine::Fine));
    scene.report(ONE, VmStatus::Running).await; // its agent was started again
    assert_eq!(scene.claim("bob@example.org", "4/y").await.unwrap().hostname.as_str(), ONE);
}

#[tokio::test]
async fn a_command_that_is_killed_on_two_machines_is_at_fault_and_neither_is_marked() {
    let (scene, ada) = ada_with(3).await;
    breaks(&scene, ONE, 1).await;
    breaks(&scene, TWO, 1).await;
    assert_eq!(in_error(&scene).await, 0);
    let ended = view(&scene, &ada.link).await;
    assert_eq!((ended.hostname.as_str(), open(&ended)), (TWO, (ClaimState::Failed, Machine::Fine)));
    let Progress::Open { detail: Some(detail), .. } = ended.progress else { panic!("no reason") };
    assert!(detail.contains("it is the command: get a new one"), "{detail}");
    assert_eq!(scene.claim("bob@example.org", "4/y").await.unwrap().hostname.as_str(), ONE);

    // Once for each claim: whose next command is killed too is not moved on and on.
    let code = CrdCode::from_command("--code=4/new").unwrap();
    let given =
        claims::give_command(&scene.by(Actor::Anyone), &ada.link, Some(&code)).await.unwrap();
    assert_eq!(given, claims::Given::Taken);
    breaks(&scene, TWO, 2).await;
    let stays = view(&scene, &ada.link).await;
    assert_eq!(
        (stays.hostname.as_str(), open(&stays)),
        (TWO, (ClaimState::Failed, Machine::Faulty))
    );
    assert_eq!(in_error(&scene).await, 1);
}

#[tokio::test]
async fn a_used_up_command_on_the_second_machine_leaves_the_first_ones_mark() {
    let (scene, ada) = ada_with(2).await;
    breaks(&scene, ONE, 1).await;
    report(&scene, TWO, 1, Some(Fault::Command)).await.unwrap();
    assert_eq!(open(&view(&scene, &ada.link).await), (ClaimState::Failed, Machine::Fine));
    assert_eq!(in_error(&scene).await, 1);
}

#[tokio::test]
async fn with_none_free_the_participant_waits_and_comes_before_the_line() {
    let (scene, ada) = ada_with(2).await;
    scene.claim("bob@example.org", "4/y").await.unwrap();
    let joined = scene.join("cy@example.org", Presented::default());
    let line::Joined::Place(cy) = joined.await.unwrap() else { panic!("no VM") };
    for _ in 0..2 {
        breaks(&scene, ONE, 1).await; // the second is a result that was told twice
    }
    assert_eq!(open(&view(&scene, &ada.link).await), (ClaimState::Failed, Machine::AwaitsAnother));
    assert_eq!(scene.count("select count(*) from event where kind = 'claim.failed'").await, 1);

    let hostname = name(TWO);
    let (whose, reason, then) = (Whose::Anybodys, ReleaseReason::Released, Then::Reuse);
    let wish = TakeBack { hostname: &hostname, whose, reason, then };
    operations::take_back(&scene.by(admin()), &wish).await.unwrap();
    let moved = view(&scene, &ada.link).await;
    assert_eq!(
        (moved.hostname.as_str(), open(&moved)),
        (TWO, (ClaimState::Waiting, Machine::Fine))
    );
    let standing = line::look(&scene.scope(), &cy).await.unwrap().unwrap();
    assert!(matches!(standing, Standing::Waiting { ahead: 0, .. }), "{standing:?}");
}

#[tokio::test]
async fn a_machine_that_takes_the_next_command_is_in_order_again() {
    let (scene, ada) = ada_with(1).await;
    breaks(&scene, ONE, 1).await;
    let code = CrdCode::from_command("--code=4/new").unwrap();
    let given =
        claims::give_command(&scene.by(Actor::Anyone), &ada.link, Some(&code)).await.unwrap();
    assert_eq!(given, claims::Given::Taken);
    let late = report(&scene, ONE, 1, Some(Fault::Machine)).await;
    assert!(matches!(late, Err(NoSuchClaim::Superseded)), "of the command before");
    report(&scene, ONE, 2, None).await.unwrap();
    assert_eq!(open(&view(&scene, &ada.link).await), (ClaimState::Connected, Machine::Fine));
    assert_eq!(in_error(&scene).await, 0);
}

#[tokio::test]
async fn nobody_is_moved_away_from_their_files() {
    let (scene, ada) = ada_with(2).await;
    report(&scene, ONE, 1, None).await.unwrap();
    let code = CrdCode::from_command("--code=4/new").unwrap();
    let given =
        claims::give_command(&scene.by(Actor::Anyone), &ada.link, Some(&code)).await.unwrap();
    assert_eq!(given, claims::Given::Taken);
    breaks(&scene, ONE, 2).await;
    let stays = view(&scene, &ada.link).await;
    assert_eq!(
        (stays.hostname.as_str(), open(&stays)),
        (ONE, (ClaimState::Failed, Machine::Faulty))
    );
}

/// Whatever happens at once, a machine has one claim and a claim one machine.
#[tokio::test(flavor = "multi_thread")]
async fn results_releases_and_claims_at_once_neither_deadlock_nor_double() {
    for _ in 0..15 {
        let (scene, _ada) = ada_with(3).await;
        let (hostname, bob) = (name(ONE), scene.claim("bob@example.org", "4/b"));
        let (whose, reason, then) = (Whose::Anybodys, ReleaseReason::Released, Then::Replace);
        let wish = TakeBack { hostname: &hostname, whose, reason, then };
        let teacher = scene.by(admin());
        let (one, again, released, claimed) = tokio::join!(
            report(&scene, ONE, 1, Some(Fault::Machine)),
            report(&scene, ONE, 1, Some(Fault::Machine)),
            operations::take_back(&teacher, &wish),
            bob,
        );
        for told in [one, again] {
            assert!(matches!(told, Ok(()) | Err(NoSuchClaim::Superseded)), "{told:?}");
        }
        assert!(!matches!(released, Err(operations::TakeBackError::Db(_))), "{released:?}");
        claimed.unwrap();
        let crossed = "select count(*) from claim left join vm on vm.id = claim.vm_id and vm.claim_id = claim.id
                       where claim.released_at is null and vm.id is null";
        assert_eq!(scene.count(crossed).await, 0);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_participant_reads_what_becomes_of_their_machine() {
    let (scene, ada) = ada_with(1).await;
    for (change, machine) in [
        ("update vm set removing_at = now()", Machine::Leaving),
        ("update vm set removing_at = null, status = 'error'", Machine::Failed),
        (
            "update vm set status = 'running', suspect_at = now(); \
          insert into vm_presence (vm_id, last_seen) values (1, now() - interval '4 minutes')",
            Machine::Silent,
        ),
        ("update vm_presence set last_seen = now()", Machine::Fine),
    ] {
        scene.sql(change).await;
        vms::keep_states(&scene.scope()).await.unwrap();
        assert_eq!(open(&view(&scene, &ada.link).await).1, machine, "{change}");
    }
}
