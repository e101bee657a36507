//! A machine that LabLink did not make goes to the next participant only as its organiser wants.

use lablink_core::{
    Actor,
    claims::{self, ClaimId, NotToClean, ReleaseReason, Situation},
    collections,
    operations::{self, TakeBack, Then, Whose},
    pools::AfterUse,
    vms::{self, Vm},
};
use lablink_protocol::{CleanOutcome, CleanResult, VmStatus};

use crate::scene::{Scene, admin, name};

const DESK: &str = "desk-7.lab.example.org";

/// A registered machine that ada had, and has given back.
async fn given_back(after_use: AfterUse, then: Then) -> Scene {
    let scene = registered(after_use).await;
    scene.claim("ada@example.org", "4/x").await.unwrap();
    take_back(&scene, then).await;
    scene
}

async fn registered(after_use: AfterUse) -> Scene {
    let scene = Scene::new().await.ruled(|rules| rules.machines.after_use = after_use);
    register(&scene).await;
    scene
}

async fn register(scene: &Scene) {
    vms::register(&scene.by(admin()), Some(name(DESK)), None).await.unwrap();
    scene.report(DESK, VmStatus::Running).await;
}

async fn take_back(scene: &Scene, then: Then) {
    let hostname = name(DESK);
    let (whose, reason) = (Whose::Anybodys, ReleaseReason::Returned);
    let wish = TakeBack { hostname: &hostname, whose, reason, then };
    let taken = operations::take_back(&scene.by(admin()), &wish).await;
    assert_eq!(taken.unwrap(), None, "it can't be made anew");
}

async fn desk(scene: &Scene) -> Vm {
    vms::find(&scene.scope(), &name(DESK)).await.unwrap().unwrap()
}

async fn to_clean(scene: &Scene) -> Option<ClaimId> {
    match scene
        .looks
        .look(&scene.db, &name(DESK), None)
        .await
        .unwrap()
        .map(|sight| sight.situation)
        .unwrap()
    {
        Situation::Unclaimed { to_clean } => to_clean,
        other => panic!("{other:?}"),
    }
}

async fn tell(
    scene: &Scene,
    claim_id: ClaimId,
    outcome: CleanOutcome,
    detail: Option<&str>,
) -> Result<(), NotToClean> {
    let detail = detail.map(str::to_owned);
    let result = CleanResult { hostname: name(DESK), claim_id: claim_id.into(), outcome, detail };
    let agent = Actor::Agent(name(DESK));
    claims::cleaned(&scene.by(agent), &result).await
}

fn is_superseded(told: Result<(), NotToClean>) -> bool {
    matches!(told, Err(NotToClean::Superseded))
}

#[tokio::test]
async fn the_rule_says_what_becomes_of_a_machine_and_the_organiser_has_the_last_word() {
    for (rule, then, free) in [
        (AfterUse::Clean, Then::Replace, false),
        (AfterUse::Hold, Then::Replace, false),
        (AfterUse::Reuse, Then::Replace, true),
        (AfterUse::Clean, Then::Reuse, true),
        (AfterUse::Hold, Then::Reuse, true),
    ] {
        let scene = given_back(rule, then).await;
        let next = scene.claim("bob@example.org", "4/y").await;
        assert_eq!(next.is_ok(), free, "{rule} {then:?}");
        if free {
            continue;
        }
        let counts = vms::counts(&scene.scope()).await.unwrap();
        assert_eq!((counts.used, counts.free), (1, 0));
        assert_eq!(desk(&scene).await.last_participant.as_deref(), Some("ada@example.org"));
        // A second taking back changes nothing by itself.
        take_back(&scene, Then::Replace).await;
        assert!(scene.claim("bob@example.org", "4/y").await.is_err(), "{rule}");
        take_back(&scene, Then::Reuse).await;
        scene.claim("bob@example.org", "4/y").await.unwrap();
    }
}

#[tokio::test]
async fn a_cleaned_machine_goes_to_the_first_in_line_and_the_result_counts_once() {
    let scene = registered(AfterUse::Clean).await;
    scene.claim("ada@example.org", "4/x").await.unwrap();
    assert!(scene.claim("bob@example.org", "4/y").await.is_err());
    scene
        .sql(
            "insert into place (pool_id, email, token_sha256, last_looked_at)
             select id, 'bob@example.org', decode(repeat('00', 32), 'hex'), now() from pool",
        )
        .await;
    take_back(&scene, Then::Replace).await;
    let offered = "select count(*) from place where offered_at is not null";
    assert_eq!(scene.count(offered).await, 0);
    let claim = to_clean(&scene).await.unwrap();

    let another = ClaimId::from(i64::from(claim) + 1);
    assert!(is_superseded(tell(&scene, another, CleanOutcome::Cleaned, None).await));
    tell(&scene, claim, CleanOutcome::Cleaned, None).await.unwrap();
    assert_eq!(scene.count(offered).await, 1, "in the same transaction");
    assert_eq!(to_clean(&scene).await, None);
    assert_eq!(scene.count("select count(*) from event where kind = 'vm.cleaned'").await, 1);
    for outcome in [CleanOutcome::Cleaned, CleanOutcome::Failed] {
        assert!(is_superseded(tell(&scene, claim, outcome, None).await), "told before");
    }
    assert_eq!(desk(&scene).await.used_since, None);
    assert_eq!(scene.count("select count(*) from event where kind like 'vm.clean%'").await, 1);
}

#[tokio::test]
async fn a_machine_that_could_not_be_cleaned_is_held_until_somebody_says_more() {
    let scene = given_back(AfterUse::Clean, Then::Replace).await;
    let claim = to_clean(&scene).await.unwrap();
    let again = async || claims::clean_again(&scene.by(admin()), &name(DESK)).await;
    assert!(matches!(again().await, Err(NotToClean::NotFailed)));

    tell(&scene, claim, CleanOutcome::Failed, Some("it is mounted")).await.unwrap();
    assert!(scene.claim("bob@example.org", "4/y").await.is_err());
    assert_eq!(desk(&scene).await.clean_failure.as_deref(), Some("it is mounted"));
    assert_eq!(to_clean(&scene).await, None, "it would fail again and again");
    again().await.unwrap();
    assert_eq!(to_clean(&scene).await, Some(claim));
    tell(&scene, claim, CleanOutcome::Failed, None).await.unwrap();
    assert!(desk(&scene).await.clean_failure.is_some(), "with or without words");

    // Handed out again as it is: what comes late is about nobody.
    take_back(&scene, Then::Reuse).await;
    assert!(is_superseded(tell(&scene, claim, CleanOutcome::Cleaned, None).await));
    scene.claim("bob@example.org", "4/y").await.unwrap();
    assert!(is_superseded(tell(&scene, claim, CleanOutcome::Failed, None).await));
    assert!(matches!(again().await, Err(NotToClean::NotFailed)));
    take_back(&scene, Then::Replace).await;
    let next = to_clean(&scene).await.unwrap();
    assert!(next > claim, "bob's failure is not ada's");
    assert_eq!(desk(&scene).await.clean_failure, None);
}

#[tokio::test]
async fn a_machine_that_leaves_the_pool_used_comes_back_used() {
    let scene = given_back(AfterUse::Clean, Then::Replace).await;
    let claim = to_clean(&scene).await;
    vms::forget(&scene.by(admin()), &name(DESK)).await.unwrap();
    register(&scene).await;
    assert!(scene.claim("bob@example.org", "4/y").await.is_err());
    assert_eq!(to_clean(&scene).await, claim);
    tell(&scene, claim.unwrap(), CleanOutcome::Cleaned, None).await.unwrap();
    scene.claim("bob@example.org", "4/y").await.unwrap();

    // In the middle of a claim, too; and not what came back clean.
    vms::forget(&scene.by(admin()), &name(DESK)).await.unwrap();
    register(&scene).await;
    assert_eq!(desk(&scene).await.last_participant.as_deref(), Some("bob@example.org"));
    tell(&scene, to_clean(&scene).await.unwrap(), CleanOutcome::Cleaned, None).await.unwrap();
    vms::forget(&scene.by(admin()), &name(DESK)).await.unwrap();
    register(&scene).await;
    scene.claim("cyd@example.org", "4/z").await.unwrap();
}

#[tokio::test]
async fn a_vm_that_lablink_makes_anew_is_not_cleaned() {
    let scene = Scene::with_running(1).await;
    scene.claim("ada@example.org", "4/x").await.unwrap();
    let hostname = name("lablink-vm-test-1");
    let (whose, reason, then) = (Whose::Anybodys, ReleaseReason::Returned, Then::Replace);
    let wish = TakeBack { hostname: &hostname, whose, reason, then };
    operations::take_back(&scene.by(admin()), &wish).await.unwrap();
    let situation = scene
        .looks
        .look(&scene.db, &hostname, None)
        .await
        .unwrap()
        .map(|sight| sight.situation)
        .unwrap();
    assert!(matches!(situation, Situation::Unclaimed { to_clean: None }));
    let last = scene.count("select last_claim_id from vm").await;
    let outcome = CleanOutcome::Cleaned;
    let result = CleanResult { hostname, claim_id: last, outcome, detail: None };
    let told = claims::cleaned(&scene.by(admin()), &result).await;
    assert!(is_superseded(told), "an agent can't free what is to be made anew");
    assert_eq!(vms::counts(&scene.scope()).await.unwrap().free, 0);
}

#[tokio::test]
async fn what_was_left_may_go_once_a_later_collection_got_all_of_it() {
    let scene = given_back(AfterUse::Clean, Then::Replace).await;
    let claim = to_clean(&scene).await.unwrap();
    let through = async || {
        let told = collections::kept_collected(&scene.scope(), &name(DESK)).await.unwrap();
        told.map(|told| (told.claim_id.into(), told.directory))
    };
    let collect = async |failure: &str| {
        let sql = format!(
            "with collected as (
                 insert into operation (pool_id, kind, state, actor, payload, started_at)
                 select id, 'collect', 'succeeded', 'test', '{{}}', now() from pool returning id
             )
             insert into collection_vm (operation_id, vm_id, files, bytes, unread, seconds, failure)
             select collected.id, vm.id, 1, 1, 0, 1, {failure} from collected, vm"
        );
        scene.sql(&sql).await;
    };
    scene
        .sql(
            "insert into ssh_access (vm_id, address, port, login, sealed_key, directory)
             select id, 'desk', 22, 'root', '', '/home/lablink' from vm",
        )
        .await;
    collect("null").await;
    assert_eq!(through().await, None, "it was not cleaned yet");
    tell(&scene, claim, CleanOutcome::Cleaned, None).await.unwrap();
    assert_eq!(through().await, None, "collected before it was put aside");
    collect("'it hung'").await;
    assert_eq!(through().await, None, "not all of it");
    collect("null").await;
    assert_eq!(through().await, Some((claim, "/home/lablink".to_owned())));
    scene
        .sql(
            "insert into collection (operation_id, file_name, size, kept_by, removed_at)
              select id, 'x', 1, 'here', now() from operation",
        )
        .await;
    assert_eq!(through().await, None, "the archive went, and nobody has downloaded it");
    scene.sql("update collection set downloaded_at = now()").await;
    assert_eq!(through().await, Some((claim, "/home/lablink".to_owned())));
    scene.sql("update ssh_access set directory = null").await;
    assert_eq!(through().await, None, "only the desktop was read");
}
