//! What an organiser does where somebody else may have a claim: a link that is the only one, a
//! lock-out, a fresh machine.

use lablink_core::{
    Actor, Token,
    claims::{
        self, ClaimView, Given, LockOut, LockOutError, Machine, NoSuchClaim, Progress, Proof,
        Refusal, ReleaseReason, Situation,
    },
    line::{self, ClaimKept, JoinError, Presented, Standing},
    operations,
    pools::{AfterUse, Reclaim},
    vms,
};
use lablink_protocol::{ClaimOutcome, ClaimResult, CrdCode, Fault, TokenKeeping, Vitals};

use crate::scene::{Scene, admin, name};

const ADA: &str = "ada@example.org";
const VM: &str = "lablink-vm-test-1";

async fn view(scene: &Scene, link: &Token) -> Option<ClaimView> {
    claims::by_link(&scene.db, link).await.unwrap()
}

fn pin(view: ClaimView) -> String {
    match view.progress {
        Progress::Open { pin, .. } => pin.reveal().to_owned(),
        Progress::Over { reason } => panic!("{reason}"),
    }
}

fn machine(view: &ClaimView) -> Machine {
    match &view.progress {
        Progress::Open { machine, .. } => *machine,
        Progress::Over { reason } => panic!("{reason}"),
    }
}

async fn give(scene: &Scene, link: &Token, code: &str) -> Given {
    let code = CrdCode::from_command(&format!("--code={code}")).unwrap();
    claims::give_command(&scene.by(Actor::Anyone), link, Some(&code)).await.unwrap()
}

async fn situation(scene: &Scene) -> Situation {
    scene
        .looks
        .look(&scene.db, &name(VM), None)
        .await
        .unwrap()
        .map(|sight| sight.situation)
        .unwrap()
}

async fn tells(
    scene: &Scene,
    command_no: i32,
    outcome: ClaimOutcome,
    fault: Option<Fault>,
) -> Result<(), NoSuchClaim> {
    let result = ClaimResult {
        hostname: name(VM),
        claim_id: 1,
        command_no: Some(command_no),
        outcome,
        detail: fault.map(|_| "The desktop could not be ended.".to_owned()),
        fault,
    };
    let agent = Actor::Agent(name(VM));
    claims::report(&scene.by(agent), &result).await
}

/// A stranger has claimed as Ada, and sits at the desktop.
async fn a_stranger_has_it() -> (Scene, Token) {
    let scene = Scene::with_running(1).await;
    let stranger = scene.claim(ADA, "4/x").await.unwrap();
    tells(&scene, 1, ClaimOutcome::Connected, None).await.unwrap();
    let token = Some(TokenKeeping::Safe);
    let vitals = Vitals { locks_out: Some(true), token, ..Vitals::default() };
    vms::heartbeat(&scene.scope(), &name(VM), &vitals).await.unwrap();
    (scene, stranger.link)
}

#[tokio::test]
async fn the_organisers_link_is_the_only_way_in_and_the_desktop_stays() {
    for reclaim in [Reclaim::Link, Reclaim::Email] {
        let (scene, stranger) = a_stranger_has_it().await;
        let scene = scene.ruled(|rules| rules.claiming.reclaim = reclaim);
        let second = scene.claim(ADA, "4/x").await.unwrap().link;
        let before = pin(view(&scene, &stranger).await.unwrap());
        let new = claims::issue_link(&scene.by(admin()), 1.into()).await.unwrap().unwrap();

        for old in [&stranger, &second] {
            assert!(view(&scene, old).await.is_none(), "{reclaim:?}: a link");
            assert!(claims::was_revoked(&scene.db, old).await.unwrap());
            assert_eq!(give(&scene, old, "4/mine").await, Given::NoClaim);
            let proof = Some(Proof(old.clone()));
            for code in ["4/x", "4/mine"] {
                let cookie = scene.claim_with(ADA, code, proof_of(&proof)).await;
                assert_eq!(cookie.unwrap_err(), Refusal::AlreadyClaimed, "{reclaim:?} {code}");
            }
            let presented = Presented { token: Some(old.clone()), key: None };
            let joined = scene.join(ADA, presented).await;
            assert!(matches!(joined, Err(JoinError::AlreadyClaimed)));
        }
        let right = view(&scene, &new.link).await.unwrap();
        assert_eq!((machine(&right), pin(right)), (Machine::Fine, before), "as they were");
        let Situation::Claimed(delivery) = situation(&scene).await else { panic!("claimed") };
        assert_eq!((delivery.command_no, delivery.code.as_str()), (1, "4/x"));

        // The right person's new command is on the machine, so it proves nothing.
        assert_eq!(give(&scene, &new.link, "4/hers").await, Given::Taken);
        let seen = scene.claim(ADA, "4/hers").await;
        assert_eq!(seen.unwrap_err(), Refusal::AlreadyClaimed);
        assert!(!claims::was_revoked(&scene.db, &new.link).await.unwrap());
    }
}

fn proof_of(proof: &Option<Proof>) -> Option<Proof> {
    proof.as_ref().map(|Proof(token)| Proof(token.clone()))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_way_in_is_made_beside_the_organisers_link() {
    let (scene, stranger) = a_stranger_has_it().await;
    for _ in 0..10 {
        let code = || CrdCode::from_command("--code=4/x").unwrap();
        let organiser = scene.by(admin());
        let (_same_code, _command, new) = tokio::join!(
            scene.claim(ADA, "4/x"),
            async {
                claims::give_command(&scene.by(Actor::Anyone), &stranger, Some(&code())).await
            },
            claims::issue_link(&organiser, 1.into()),
        );
        let new = new.unwrap().unwrap();
        assert!(view(&scene, &new.link).await.is_some());
        assert_eq!(scene.count("select count(*) from claim_link").await, 1);
        // As before the first one, so that the race is run again.
        scene.sql("update claim set links_only_since = null").await;
    }
}

#[tokio::test]
async fn who_is_locked_out_loses_the_desktop_and_the_next_command_waits_for_its_end() {
    let (scene, stranger) = a_stranger_has_it().await;
    let before = pin(view(&scene, &stranger).await.unwrap());
    let new = claims::lock_out(&scene.by(admin()), 1.into()).await.unwrap();
    assert!(view(&scene, &stranger).await.is_none());
    assert!(scene.claim(ADA, "4/x").await.is_err(), "the command of before");
    let right = view(&scene, &new.link).await.unwrap();
    assert_eq!(machine(&right), Machine::LockingOut);
    assert_ne!(pin(right), before, "a new PIN");
    let lock_out = Situation::LockedOut { claim_id: 1.into(), command_no: 2 };
    assert_eq!(format!("{:?}", situation(&scene).await), format!("{lock_out:?}"));
    let holding = async || claims::holding(&scene.scope(), 1.into()).await.unwrap().unwrap();
    assert_eq!(holding().await.lock_out, Some(LockOut::Asked));

    // Nothing is run while the stranger's desktop may still be there.
    assert_eq!(give(&scene, &new.link, "4/hers").await, Given::LockingOut);
    let back = scene.claim_with(ADA, "4/hers", Some(Proof(new.link.clone()))).await;
    back.unwrap();
    assert_eq!(format!("{:?}", situation(&scene).await), format!("{lock_out:?}"));
    let late = tells(&scene, 1, ClaimOutcome::Connected, None).await;
    assert!(matches!(late, Err(NoSuchClaim::Superseded)), "of the command before");

    for _ in 0..2 {
        tells(&scene, 2, ClaimOutcome::LockedOut, None).await.unwrap();
    }
    assert_eq!(holding().await.lock_out, Some(LockOut::Ended));
    let ended = "select count(*) from event where kind = 'claim.locked_out'";
    assert_eq!(scene.count(ended).await, 1, "told once");
    assert_eq!(machine(&view(&scene, &new.link).await.unwrap()), Machine::LockedOut);
    assert_eq!(
        format!("{:?}", situation(&scene).await),
        format!("{lock_out:?}"),
        "after a restart"
    );
    assert_eq!(give(&scene, &new.link, "4/hers").await, Given::Taken);
    let Situation::Claimed(delivery) = situation(&scene).await else { panic!("a command") };
    assert_eq!((delivery.command_no, delivery.code.as_str()), (3, "4/hers"));
    let again = tells(&scene, 3, ClaimOutcome::LockedOut, None).await;
    assert!(matches!(again, Err(NoSuchClaim::Superseded)), "nobody asked for that");
}

#[tokio::test]
async fn a_desktop_that_can_not_be_ended_is_said_to_be_a_faulty_machine() {
    let (scene, _) = a_stranger_has_it().await;
    let new = claims::lock_out(&scene.by(admin()), 1.into()).await.unwrap();
    tells(&scene, 2, ClaimOutcome::Failed, Some(Fault::Machine)).await.unwrap();
    assert_eq!(machine(&view(&scene, &new.link).await.unwrap()), Machine::Faulty);
    let vm = vms::find(&scene.scope(), &name(VM)).await.unwrap().unwrap();
    assert!(vm.status_reason.unwrap().contains("could not be ended"));
}

/// The desktop never came up, and what there was did not end: there is another machine.
#[tokio::test]
async fn a_claim_that_moves_during_a_lock_out_waits_for_its_command_there() {
    let scene = Scene::with_running(2).await;
    scene.claim(ADA, "4/x").await.unwrap();
    let token = Some(TokenKeeping::Safe);
    let vitals = Vitals { locks_out: Some(true), token, ..Vitals::default() };
    vms::heartbeat(&scene.scope(), &name(VM), &vitals).await.unwrap();
    let new = claims::lock_out(&scene.by(admin()), 1.into()).await.unwrap();
    tells(&scene, 2, ClaimOutcome::Failed, Some(Fault::Machine)).await.unwrap();
    let there = view(&scene, &new.link).await.unwrap();
    assert_eq!(
        (there.hostname.as_str(), machine(&there)),
        ("lablink-vm-test-2", Machine::LockedOut)
    );
    assert_eq!(give(&scene, &new.link, "4/hers").await, Given::Taken);
}

#[tokio::test]
async fn an_agent_that_does_not_know_how_is_not_asked() {
    let scene = Scene::with_running(1).await;
    let stranger = scene.claim(ADA, "4/x").await.unwrap();
    let old = Vitals { agent_version: Some("0.1.0".into()), ..Vitals::default() };
    // The person who is locked out could have copied a token that the agent keeps.
    let keeps_its_token = Vitals { locks_out: Some(true), ..Vitals::default() };
    for vitals in [None, Some(old), Some(keeps_its_token)] {
        if let Some(vitals) = vitals {
            vms::heartbeat(&scene.scope(), &name(VM), &vitals).await.unwrap();
        }
        let refused = claims::lock_out(&scene.by(admin()), 1.into()).await;
        assert!(matches!(refused, Err(LockOutError::AgentCannot)));
    }
    assert!(view(&scene, &stranger.link).await.is_some(), "nothing was done by halves");
    let none = claims::lock_out(&scene.by(admin()), 99.into()).await;
    assert!(matches!(none, Err(LockOutError::NoSuchClaim)));
}

async fn try_fresh(scene: &Scene) -> Result<operations::Invited, operations::TakeBackError> {
    operations::give_fresh_machine(&scene.by(admin()), 1.into()).await
}

async fn fresh(scene: &Scene) -> operations::Invited {
    try_fresh(scene).await.unwrap()
}

#[tokio::test]
async fn a_fresh_machine_is_kept_for_the_right_person_before_everybody_else() {
    let (scene, stranger) = a_stranger_has_it().await;
    let line::Joined::Place(bob) =
        scene.join("bob@example.org", Presented::default()).await.unwrap()
    else {
        panic!("none is free")
    };
    let ada = fresh(&scene).await;
    assert_eq!((ada.email.as_str(), ada.before.as_str()), (ADA, VM));
    let over = view(&scene, &stranger).await.unwrap();
    assert!(matches!(over.progress, Progress::Over { reason: ReleaseReason::Released }));
    let replace = "select count(*) from operation where kind = 'replace' and state = 'queued'";
    assert_eq!(scene.count(replace).await, 1);
    let look = async |link| line::look(&scene.scope(), link).await.unwrap().unwrap();
    assert!(matches!(look(&bob).await, Standing::Waiting { ahead: 1, waiting: 2, .. }));

    // Her link reaches her later than any place would wait; a machine comes, and is kept.
    scene
        .sql("update place set last_looked_at = now() - interval '50 minutes' where person like 'ada%';
              insert into vm (pool_id, hostname, number, source, status)
              select pool_id, 'lablink-vm-test-9', 9, 'local', 'running' from vm limit 1")
        .await;
    scene.join("cy@example.org", Presented::default()).await.unwrap();
    scene
        .sql("update place set offered_at = now() - interval '20 minutes' where person like 'ada%'")
        .await;
    scene.join("dee@example.org", Presented::default()).await.unwrap();

    // Somebody who knows her e-mail can't use that, even where another machine is free.
    assert_eq!(scene.claim(ADA, "4/x").await.unwrap_err(), Refusal::Invited);
    for reclaim in [Reclaim::Link, Reclaim::Email] {
        let presented = Presented { token: Some(stranger.clone()), key: None };
        let scene = scene.ruled(|rules| rules.claiming.reclaim = reclaim);
        let taken = scene.join(ADA, presented).await;
        assert!(matches!(taken, Err(JoinError::AlreadyInLine)), "{reclaim:?}");
    }
    scene
        .sql(
            "update place set ended_at = now(), end_reason = 'left' where person not like 'ada%';
              insert into vm (pool_id, hostname, number, source, status)
              select pool_id, 'lablink-vm-test-10', 10, 'local', 'running' from vm limit 1",
        )
        .await;
    assert_eq!(scene.claim(ADA, "4/x").await.unwrap_err(), Refusal::Invited);

    let Standing::Offered { hostname, .. } = look(&ada.link).await else { panic!("kept for her") };
    assert_eq!(hostname.as_str(), "lablink-vm-test-9");
    let code = CrdCode::from_command("--code=4/hers").unwrap();
    let claimed = line::claim(&scene.scope(), &ada.link, Some(&code)).await.unwrap();
    assert!(matches!(claimed, ClaimKept::Claimed(_)));
    assert!(view(&scene, &ada.link).await.is_some());
    let over = try_fresh(&scene).await;
    assert!(matches!(over, Err(operations::TakeBackError::NotClaimed)), "a double click");
}

#[tokio::test]
async fn an_invitation_that_nobody_takes_up_lapses_after_its_hour() {
    let (scene, _) = a_stranger_has_it().await;
    let ada = fresh(&scene).await;
    scene
        .sql(
            "update place set last_looked_at = now() - interval '61 minutes',
                  invited_until = now() - interval '1 minute'",
        )
        .await;
    scene.join("bob@example.org", Presented::default()).await.unwrap();
    let standing = line::look(&scene.scope(), &ada.link).await.unwrap().unwrap();
    assert!(matches!(standing, Standing::Over(line::EndReason::Lapsed)), "{standing:?}");
}

#[tokio::test]
async fn a_machine_that_goes_out_as_it_is_after_use_does_not_after_this() {
    let (scene, _) = a_stranger_has_it().await;
    scene.sql("update vm set source = 'manual'").await;
    fresh(&scene.ruled(|rules| rules.machines.after_use = AfterUse::Reuse)).await;
    let vm = vms::find(&scene.scope(), &name(VM)).await.unwrap().unwrap();
    assert!(vm.used_since.is_some() && !vm.offered, "nobody gets it");
}
