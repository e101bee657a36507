//! A token changes hands with its VM: somebody who copied it while they had the VM can't use it.

use lablink_core::{
    Actor, Token,
    agents::{self, Bearer, LiftError, Misuse, RenewError},
    claims::{self, Refusal, ReleaseReason, Situation},
    line::{self, Joined, Presented, Standing},
    operations::{self, Outcome, Stage, Step, TakeBack, Then, Whose},
    pools::AfterUse,
    vms,
};
use lablink_protocol::{
    ClaimOutcome, ClaimResult, CleanOutcome, CleanResult, CrdCode, Fault, TokenKeeping, Vitals,
    VmStatus,
};

use crate::scene::{Scene, admin, begin, kinds, name};

const ONE: &str = "lablink-vm-test-1";

async fn take_back(scene: &Scene, hostname: &str, then: Then) {
    let wish = TakeBack {
        hostname: &name(hostname),
        whose: Whose::Anybodys,
        reason: ReleaseReason::Returned,
        then,
    };
    operations::take_back(&scene.by(admin()), &wish).await.unwrap();
}

/// ada had the VM, whose agent has this token, and has given it back for reuse.
async fn given_back() -> (Scene, Token) {
    let scene = Scene::with_running(1).await;
    let token = scene.agent(ONE).await;
    scene.claim("ada@example.org", "4/ada").await.unwrap();
    take_back(&scene, ONE, Then::Reuse).await;
    (scene, token)
}

async fn free(scene: &Scene) -> i64 {
    vms::free(&scene.scope()).await.unwrap()
}

async fn situation(scene: &Scene, token: &Token) -> Situation {
    scene
        .looks
        .look(&scene.db, &name(ONE), Some(token.hash()))
        .await
        .unwrap()
        .map(|sight| sight.situation)
        .unwrap()
}

async fn renew(scene: &Scene, token: &Token) -> Result<Token, RenewError> {
    agents::renew(&scene.scope(), &name(ONE), token.hash()).await
}

async fn raise(scene: &Scene, misuse: Misuse) {
    let (vm_id, from) = (scene.vm_id(ONE).await, [192, 0, 2, 7].into());
    agents::raise(&scene.scope(), vm_id, misuse, from).await.unwrap();
}

#[tokio::test]
async fn nobody_can_claim_a_freed_vm_before_its_agent_has_used_a_new_token() {
    let (scene, old) = given_back().await;
    let refused = async || scene.claim("bea@example.org", "4/bea").await.unwrap_err();
    assert_eq!((free(&scene).await, refused().await), (0, Refusal::NoneFree));
    assert_eq!(scene.bearer(&old).await, Some(Bearer::Outgoing(name(ONE))));
    assert!(matches!(situation(&scene, &old).await, Situation::TokenDue { open: None }));

    let new = renew(&scene, &old).await.unwrap();
    assert_eq!((free(&scene).await, refused().await), (0, Refusal::NoneFree), "not used yet");
    assert_eq!(scene.bearer(&old).await, Some(Bearer::Outgoing(name(ONE))), "it may fetch again");

    assert!(matches!(scene.bearer(&new).await, Some(Bearer::Agent { attends: true, .. })));
    assert_eq!(free(&scene).await, 1);
    assert!(matches!(scene.bearer(&old).await, Some(Bearer::Dead { .. })));
    assert!(matches!(renew(&scene, &old).await, Err(RenewError::Refused)));
    assert!(matches!(renew(&scene, &new).await, Err(RenewError::NotDue)));

    scene.claim("bea@example.org", "4/bea").await.unwrap();
    assert!(matches!(situation(&scene, &new).await, Situation::Claimed(_)));
    assert!(
        matches!(situation(&scene, &old).await, Situation::NotTheAgent),
        "who waits since before is told nothing"
    );
}

#[tokio::test]
async fn who_is_first_in_line_is_offered_the_vm_at_that_moment() {
    let (scene, old) = given_back().await;
    let joined = scene.join("bea@example.org", Presented::default()).await;
    let Ok(Joined::Place(place)) = joined else { panic!("no place") };
    let standing = async || line::look(&scene.scope(), &place).await.unwrap().unwrap();
    assert!(matches!(standing().await, Standing::Waiting { .. }));
    let new = renew(&scene, &old).await.unwrap();
    assert!(matches!(standing().await, Standing::Waiting { .. }), "not used yet");
    scene.bearer(&new).await.unwrap();
    assert!(matches!(standing().await, Standing::Offered { .. }));
}

/// Answers lost and processes killed: fetching again voids what was fetched and never used.
#[tokio::test]
async fn a_token_whose_answer_was_lost_is_void_when_another_is_fetched() {
    let (scene, old) = given_back().await;
    let lost = renew(&scene, &old).await.unwrap();
    let new = renew(&scene, &old).await.unwrap();
    assert!(matches!(scene.bearer(&lost).await, Some(Bearer::Dead { .. })));
    assert_eq!(free(&scene).await, 0);
    assert!(matches!(scene.bearer(&new).await, Some(Bearer::Agent { .. })));
    assert!(matches!(scene.bearer(&new).await, Some(Bearer::Agent { .. })), "again and again");

    // One who fetches without end fills nothing.
    take_in_turn(&scene, &new).await;
    scene
        .sql(
            "insert into dead_token (token_sha256, vm_id, died_at)
             select sha256(n::text::bytea), vm.id, now() - n * interval '1 second'
             from vm, generate_series(1, 1200) as n",
        )
        .await;
    let newest = renew(&scene, &new).await.unwrap();
    renew(&scene, &new).await.unwrap();
    assert_eq!(scene.count("select count(*) from dead_token").await, 1000);
    assert!(matches!(scene.bearer(&newest).await, Some(Bearer::Dead { .. })));
}

async fn take_in_turn(scene: &Scene, token: &Token) {
    scene.claim("cyd@example.org", "4/cyd").await.unwrap();
    take_back(scene, ONE, Then::Reuse).await;
    assert_eq!(scene.bearer(token).await, Some(Bearer::Outgoing(name(ONE))));
}

/// Two allocators, or an agent and somebody who copied its token.
#[tokio::test(flavor = "multi_thread")]
async fn of_all_that_are_fetched_at_once_one_token_works() {
    for _ in 0..10 {
        let (scene, old) = given_back().await;
        let race = async || match renew(&scene, &old).await {
            Ok(new) => matches!(scene.bearer(&new).await, Some(Bearer::Agent { .. })),
            Err(RenewError::Refused | RenewError::NotDue) => false,
            Err(RenewError::Db(error)) => panic!("{error:?}"),
        };
        let (a, b, c) = tokio::join!(race(), race(), race());
        assert_eq!(u8::from(a) + u8::from(b) + u8::from(c), 1);
        assert_eq!(free(&scene).await, 1);
        assert_eq!(
            scene.count("select count(*) from agent_credential where next_sha256 is null").await,
            1
        );
    }
}

#[tokio::test]
async fn every_end_of_a_claim_that_leaves_the_vm_there_asks_for_a_new_token() {
    for end in
        ["reuse", "replace refused", "replace failed", "moved", "cleaned", "held", "as it is"]
    {
        let scene = Scene::with_running(2).await;
        operations::take(&scene.scope(), "worker", &kinds())
            .await
            .unwrap()
            .unwrap()
            .lease
            .finish(&Outcome::succeeded())
            .await
            .unwrap();
        let old = scene.agent(ONE).await;
        let ada = scene.claim("ada@example.org", "4/ada").await.unwrap();
        assert_eq!(ada.hostname, name(ONE));
        match end {
            "reuse" => take_back(&scene, ONE, Then::Reuse).await,
            "replace refused" => {
                take_back(&scene, ONE, Then::Replace).await;
                let id = scene.count("select max(id) from operation").await;
                operations::cancel(&scene.by(admin()), &kinds(), id.into()).await.unwrap();
            }
            "replace failed" => {
                take_back(&scene, ONE, Then::Replace).await;
                let taken = operations::take(&scene.scope(), "worker", &kinds()).await.unwrap();
                let state = operations::OperationState::Failed;
                let failed = Outcome { state, exit_code: None, reason: None };
                taken.unwrap().lease.finish(&failed).await.unwrap();
            }
            "moved" => {
                let result = ClaimResult {
                    hostname: name(ONE),
                    claim_id: 1,
                    command_no: Some(1),
                    outcome: ClaimOutcome::Failed,
                    detail: None,
                    fault: Some(Fault::Machine),
                };
                claims::report(&scene.by(admin()), &result).await.unwrap();
            }
            "cleaned" | "held" | "as it is" => {
                scene.sql("update vm set source = 'manual'").await;
                let rule = match end {
                    "cleaned" => AfterUse::Clean,
                    "held" => AfterUse::Hold,
                    _ => AfterUse::Reuse,
                };
                let scene = scene.ruled(|rules| rules.machines.after_use = rule);
                take_back(&scene, ONE, Then::Replace).await;
            }
            other => panic!("{other}"),
        }
        let due = "select count(*) from vm where token_due_at is not null and claim_id is null";
        assert_eq!(scene.count(due).await, 1, "{end}");
        assert_eq!(scene.bearer(&old).await, Some(Bearer::Outgoing(name(ONE))), "{end}");
        let to_clean = async |token: &Token| match situation(&scene, token).await {
            Situation::Unclaimed { to_clean } => to_clean,
            Situation::TokenDue { open: None } => None,
            other => panic!("{end}: {other:?}"),
        };
        assert_eq!(to_clean(&old).await, None, "{end}");
        let new = scene.renewed(ONE, &old).await;
        if end == "cleaned" {
            let claim_id = to_clean(&new).await.expect("with its new token it may clean");
            let (hostname, outcome) = (name(ONE), CleanOutcome::Cleaned);
            let claim_id = claim_id.into();
            let result = CleanResult { hostname, claim_id, outcome, detail: None };
            claims::cleaned(&scene.by(admin()), &result).await.unwrap();
        }
        let free_now = match end {
            "reuse" | "cleaned" | "as it is" => 2,
            "moved" => 0, // it is at fault, and the other one is hers
            _ => 1,
        };
        assert_eq!(free(&scene).await, free_now, "{end}");
    }
}

async fn says(scene: &Scene, vitals: &Vitals) {
    vms::heartbeat(&scene.scope(), &name(ONE), vitals).await.unwrap();
}

/// Somebody claimed as Ada, and copied the token; then an organiser lets her in.
#[tokio::test]
async fn a_claim_that_an_organiser_gives_to_another_person_asks_for_a_new_token() {
    for way in ["new link", "lock-out"] {
        let scene = Scene::with_running(1).await;
        let copied = scene.agent(ONE).await;
        scene.claim("ada@example.org", "4/x").await.unwrap();
        let token = Some(TokenKeeping::Safe);
        says(&scene, &Vitals { locks_out: Some(true), token, ..Vitals::default() }).await;
        let adas = match way {
            "new link" => claims::issue_link(&scene.by(admin()), 1.into()).await.unwrap().unwrap(),
            _ => claims::lock_out(&scene.by(admin()), 1.into()).await.unwrap(),
        };
        assert_eq!(scene.bearer(&copied).await, Some(Bearer::Outgoing(name(ONE))), "{way}");
        let heard = situation(&scene, &copied).await;
        assert!(matches!(heard, Situation::TokenDue { open: Some(_) }), "{way}: {heard:?}");

        let mut seen = vec![copied];
        let mut agents = scene.renewed(ONE, &seen[0]).await;
        if way == "lock-out" {
            let heard = situation(&scene, &agents).await;
            assert!(matches!(heard, Situation::LockedOut { command_no: 2, .. }), "{heard:?}");
            let ended = ClaimResult {
                hostname: name(ONE),
                claim_id: 1,
                command_no: Some(2),
                outcome: ClaimOutcome::LockedOut,
                detail: None,
                fault: None,
            };
            let tells = async || claims::report(&scene.by(admin()), &ended).await;
            tells().await.unwrap();
            // The stranger was there for as long as the agent had that one.
            assert_eq!(scene.bearer(&agents).await, Some(Bearer::Outgoing(name(ONE))));
            let newer = scene.renewed(ONE, &agents).await;
            seen.push(std::mem::replace(&mut agents, newer));
            tells().await.unwrap();
            assert!(matches!(scene.bearer(&agents).await, Some(Bearer::Agent { .. })), "once");
        }
        let code = CrdCode::from_command("--code=4/adas").unwrap();
        claims::give_command(&scene.by(Actor::Anyone), &adas.link, Some(&code)).await.unwrap();
        for token in &seen {
            assert!(matches!(scene.bearer(token).await, Some(Bearer::Dead { .. })), "{way}");
            let heard = situation(&scene, token).await;
            assert!(matches!(heard, Situation::NotTheAgent), "{way}: {heard:?}");
        }
        let Situation::Claimed(delivery) = situation(&scene, &agents).await else {
            panic!("{way}")
        };
        assert_eq!((delivery.claim_id, delivery.code.as_str()), (1.into(), "4/adas"), "{way}");
    }
}

/// It would hear nothing any more, and its participant has the desktop.
#[tokio::test]
async fn an_agent_that_takes_no_new_token_keeps_its_own_while_the_claim_goes_on() {
    let scene = Scene::with_running(1).await;
    let token = scene.agent(ONE).await;
    scene.claim("ada@example.org", "4/x").await.unwrap();
    says(&scene, &Vitals { agent_version: Some("0.1.0".into()), ..Vitals::default() }).await;
    claims::issue_link(&scene.by(admin()), 1.into()).await.unwrap().unwrap();
    assert!(matches!(scene.bearer(&token).await, Some(Bearer::Agent { .. })));
    assert!(matches!(situation(&scene, &token).await, Situation::Claimed(_)));
}

#[tokio::test]
async fn an_original_client_has_no_token_and_goes_on_as_before() {
    let scene = Scene::with_running(1).await;
    let reads = async || {
        scene
            .looks
            .look(&scene.db, &name(ONE), None)
            .await
            .unwrap()
            .map(|sight| sight.situation)
            .unwrap()
    };
    for email in ["ada@example.org", "bea@example.org"] {
        scene.claim(email, "4/x").await.unwrap();
        assert!(matches!(reads().await, Situation::Claimed(_)));
        take_back(&scene, ONE, Then::Reuse).await;
        assert_eq!(free(&scene).await, 1);
    }

    // The program that starts the machine has a token. That is no agent's.
    let once = agents::issue_enrolment(&scene.scope(), &name(ONE)).await.unwrap().unwrap();
    let boot = agents::enrol(&scene.scope(), &name(ONE), &once).await.unwrap();
    assert!(matches!(scene.bearer(&boot).await, Some(Bearer::Agent { attends: false, .. })));
    assert!(!agents::needs_token(&scene.db, &name(ONE)).await.unwrap());
    scene.claim("ada@example.org", "4/x").await.unwrap();
    assert!(matches!(reads().await, Situation::Claimed(_)));
    take_back(&scene, ONE, Then::Reuse).await;
    assert_eq!(free(&scene).await, 1);

    agents::attend(&scene.db, &name(ONE)).await.unwrap();
    assert!(agents::needs_token(&scene.db, &name(ONE)).await.unwrap());
    assert!(matches!(reads().await, Situation::NotTheAgent));
}

#[tokio::test]
async fn a_new_enrolment_brings_the_new_token_as_well() {
    let (scene, old) = given_back().await;
    let unused = renew(&scene, &old).await.unwrap();
    let vm = name(ONE);
    let once = agents::issue_enrolment(&scene.scope(), &vm).await.unwrap().unwrap();
    let enrolled = agents::enrol(&scene.scope(), &vm, &once).await.unwrap();
    assert_eq!(free(&scene).await, 0, "not used yet");
    assert_eq!((scene.bearer(&old).await, scene.bearer(&unused).await), (None, None));
    assert!(matches!(scene.bearer(&enrolled).await, Some(Bearer::Agent { .. })));
    assert_eq!(free(&scene).await, 1);
}

#[tokio::test]
async fn a_dead_token_bars_the_next_claim_and_an_open_one_goes_on() {
    let (scene, old) = given_back().await;
    let new = scene.renewed(ONE, &old).await;
    scene.claim("bea@example.org", "4/bea").await.unwrap();
    raise(&scene, Misuse::Wait).await;
    raise(&scene, Misuse::NewToken).await;
    let told = "select count(*) from event where kind = 'vm.barred'";
    assert_eq!(scene.count(told).await, 1, "until it is lifted");
    assert!(matches!(situation(&scene, &new).await, Situation::Claimed(_)), "hers goes on");
    assert_eq!(vms::counts(&scene.scope()).await.unwrap().barred, 1);

    take_back(&scene, ONE, Then::Reuse).await;
    let newer = scene.renewed(ONE, &new).await;
    assert_eq!(free(&scene).await, 0);
    assert_eq!(scene.claim("cyd@example.org", "4/c").await.unwrap_err(), Refusal::NoneFree);
    let lift = async || agents::lift_bar(&scene.by(admin()), &name(ONE)).await;
    lift().await.unwrap();
    assert_eq!(free(&scene).await, 1);
    assert!(matches!(lift().await, Err(LiftError::NotBarred)));
    raise(&scene, Misuse::Wait).await;
    assert_eq!((scene.count(told).await, free(&scene).await), (2, 0), "it shouts again");
    assert!(matches!(scene.bearer(&newer).await, Some(Bearer::Agent { .. })));
}

#[tokio::test]
async fn a_bar_outlasts_all_but_a_machine_that_was_made_anew() {
    let (scene, old) = given_back().await;
    scene.renewed(ONE, &old).await;
    raise(&scene, Misuse::Wait).await;
    scene.remove(ONE).await;
    vms::admit(&scene.scope(), &name(ONE)).await.unwrap();
    scene.report(ONE, VmStatus::Running).await;
    assert_eq!(free(&scene).await, 0, "it left the pool, and is back");
    assert_eq!(scene.bearer(&old).await, None, "of a machine that is gone");

    let scene = Scene::with_running(1).await;
    let taken =
        async || operations::take(&scene.scope(), "worker", &kinds()).await.unwrap().unwrap();
    taken().await.lease.finish(&Outcome::succeeded()).await.unwrap();
    let old = scene.agent(ONE).await;
    scene.claim("ada@example.org", "4/x").await.unwrap();
    raise(&scene, Misuse::Wait).await;
    take_back(&scene, ONE, Then::Replace).await;
    let replacing = taken().await;
    begin(&replacing).await.unwrap();
    let barred = "select count(*) from vm where removed_at is null and barred_at is not null";
    assert_eq!(scene.count(barred).await, 1, "the old machine still stands under the name");
    let id = replacing.operation.id;
    lablink_core::state::take_in_hand(&scene.scope(), id, &[name(ONE)], &[]).await.unwrap();
    let steps = [Step { stage: Stage::Done, ..Step::waiting(name(ONE)) }];
    let makes = operations::Makes::Machines;
    let report = operations::Report { steps: &steps, makes, ..Default::default() };
    replacing.lease.advance(&report).await.unwrap();
    replacing.lease.finish(&Outcome::succeeded()).await.unwrap();
    scene.report(ONE, VmStatus::Running).await;
    assert_eq!((scene.count(barred).await, free(&scene).await), (0, 1));
    assert_eq!(scene.bearer(&old).await, None);
}
