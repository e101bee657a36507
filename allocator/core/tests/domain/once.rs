//! The same wish sent again begins nothing, and is told what came of the first.

use futures_util::future::join_all;
use lablink_core::{
    Actor, Db, DbError, Email, Scope, Token,
    claims::{self, Granted, Refusal, ReleaseReason, Request, RequestError},
    operations::{self, AskError, LaunchError, OperationId, TakeBack, TakeBackError, Then, Whose},
    pools::PerAddress,
    scope::{self, Key, Once},
    vms::{self, Selection},
};
use lablink_protocol::CrdCode;

use crate::scene::{Scene, admin, alone, name};

const VM: &str = "lablink-vm-test-1";

fn once(scene: &Scene, key: &Key, wish: &str) -> Scope {
    scene.by(admin()).once(Some(Once::new(key.clone(), wish)))
}

async fn launch(scope: Scope) -> Result<OperationId, LaunchError> {
    operations::launch(&scope, 2).await
}

async fn claim_with_key(
    scene: &Scene,
    email: &str,
    code: &str,
    key: &Key,
) -> Result<Granted, RequestError> {
    let email: Email = email.parse().unwrap();
    let code = CrdCode::from_command(&format!("--code={code}")).unwrap();
    let (proof, neighbours, key) = (None, &alone(), Some(key.clone()));
    let request = Request { email: &email, code: Some(&code), proof, neighbours, key };
    claims::request(&scene.scope(), &scene.intake, &request).await
}

async fn take_back(scope: &Scope, hostname: &str) -> Result<Option<OperationId>, TakeBackError> {
    let wish = TakeBack {
        hostname: &name(hostname),
        whose: Whose::Anybodys,
        reason: ReleaseReason::Released,
        then: Then::Replace,
    };
    operations::take_back(scope, &wish).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_is_sent_again_through_any_allocator_is_one_operation() {
    let scene = Scene::new().await;
    let other = Db::new(&scene.database.config(), 4);
    let key = Key::random();
    let both = [&scene.db, &other];
    let sent =
        (0..8).map(|nr| launch(Scope { db: both[nr % 2].clone(), ..once(&scene, &key, "two") }));
    let ids: Vec<OperationId> = join_all(sent).await.into_iter().map(Result::unwrap).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(scene.count("select count(*) from operation").await, 1);
    assert_eq!(scene.count("select count(*) from vm").await, 2);
    assert_eq!(scene.count("select count(*) from event where kind = 'operation.queued'").await, 1);
}

#[tokio::test]
async fn another_wish_with_the_same_key_is_refused_and_another_persons_key_is_another_one() {
    let scene = Scene::new().await;
    let key = Key::random();
    let first = launch(once(&scene, &key, "two")).await.unwrap();
    let other = launch(once(&scene, &key, "three")).await;
    assert!(matches!(other, Err(LaunchError::Db(DbError::KeyReused))), "{other:?}");
    let somebody = Scope { actor: Actor::Admin("bob".into()), ..once(&scene, &key, "three") };
    assert_ne!(launch(somebody).await.unwrap(), first);
    let without = launch(scene.by(admin())).await.unwrap();
    assert_ne!(without, first);
}

#[tokio::test]
async fn what_was_refused_leaves_its_key_for_the_next_try() {
    let scene = Scene::with_running(1).await;
    let key = Key::random();
    let back = &once(&scene, &key, "take back");
    let refused = take_back(back, VM).await;
    assert!(matches!(refused, Err(TakeBackError::NotClaimed)), "{refused:?}");
    assert_eq!(scene.count("select count(*) from begun").await, 0);
    scene.claim("ada@example.org", "4/x").await.unwrap();
    let queued = take_back(back, VM).await.unwrap().unwrap();
    // Somebody else has the machine by now: the late second click is not about them.
    scene.sql("update vm set removing_at = null, used_at = null").await;
    scene.claim("bob@example.org", "4/x").await.unwrap();
    assert_eq!(take_back(back, VM).await.unwrap(), Some(queued));
    assert_eq!(scene.count("select count(*) from claim where released_at is null").await, 1);

    let gone = Selection::These(vec![name("lablink-vm-test-9")]);
    let refused = operations::destroy(&once(&scene, &key, "9"), &gone).await;
    assert!(matches!(refused, Err(AskError::Db(DbError::KeyReused))), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_and_email_are_the_same_claim() {
    let scene = Scene::with_running(4).await;
    let key = Key::random();
    let sent = join_all((0..6).map(|_| claim_with_key(&scene, "ada@example.org", "4/x", &key)));
    let granted: Vec<Granted> = sent.await.into_iter().map(Result::unwrap).collect();
    let first = &granted[0];
    for again in &granted {
        assert!(again.is_new);
        assert_eq!((&again.hostname, again.pin.reveal()), (&first.hostname, first.pin.reveal()));
        assert_eq!(again.link.reveal(), first.link.reveal());
    }
    assert_eq!(scene.count("select count(*) from claim").await, 1);
    let opened = claims::by_link(&scene.db, &Token::presented(first.link.reveal())).await.unwrap();
    assert_eq!(opened.unwrap().hostname, first.hostname);

    // The key shows that the claim is theirs: another command is tried, the one before is not.
    let command_no = "select command_no::bigint from claim";
    assert_eq!(scene.count(command_no).await, 1);
    for _ in 0..2 {
        let newer = claim_with_key(&scene, " ADA@Example.org", "4/y", &key).await.unwrap();
        assert_eq!((newer.link.reveal(), newer.is_new), (first.link.reveal(), false));
        assert_eq!(scene.count(command_no).await, 2);
    }

    let other = claim_with_key(&scene, "bob@example.org", "4/x", &key).await;
    assert!(matches!(other, Err(RequestError::Db(DbError::KeyReused))), "{other:?}");
    assert_eq!(scene.count("select count(*) from claim").await, 1, "nothing begun for bob");

    take_back(&scene.by(admin()), first.hostname.as_str()).await.unwrap();
    let late = claim_with_key(&scene, "ada@example.org", "4/y", &key).await;
    assert!(matches!(late, Err(RequestError::Refused(Refusal::Over))), "{late:?}");
    scene.sql("delete from begun").await;
    let forgotten = claim_with_key(&scene, "ada@example.org", "4/y", &key).await;
    assert!(matches!(forgotten, Err(RequestError::Db(DbError::KeyReused))), "{forgotten:?}");
    assert_eq!(scene.count("select count(*) from claim").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_in_with_a_form_gives_one_command_however_often_it_is_sent() {
    let scene = Scene::with_running(1).await;
    let first = scene.claim("ada@example.org", "4/x").await.unwrap();
    let key = Key::random();
    let sent = join_all((0..4).map(|_| claim_with_key(&scene, "ada@example.org", "4/x", &key)));
    for again in sent.await {
        let again = again.unwrap();
        assert_eq!((again.hostname.as_str(), again.is_new), (first.hostname.as_str(), false));
    }
    let stranger = claim_with_key(&scene, "ada@example.org", "4/guess", &Key::random()).await;
    assert!(matches!(stranger, Err(RequestError::Refused(Refusal::AlreadyClaimed))));
    assert_eq!(scene.count("select count(*) from begun").await, 1, "the refused one left none");
}

#[tokio::test]
async fn a_key_whose_link_an_organiser_took_away_opens_nothing() {
    let scene = Scene::with_running(1).await;
    let key = Key::random();
    claim_with_key(&scene, "ada@example.org", "4/x", &key).await.unwrap();
    let claim_id = scene.count("select id from claim").await.into();
    claims::issue_link(&scene.by(admin()), claim_id).await.unwrap().unwrap();
    for code in ["4/x", "4/y"] {
        let late = claim_with_key(&scene, "ada@example.org", code, &key).await;
        let refused = matches!(late, Err(RequestError::Refused(Refusal::AlreadyClaimed)));
        assert!(refused, "{late:?}");
    }
    assert_eq!(scene.count("select count(*) from claim_link").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_an_addresss_machines_are_counted_the_same_key_is_the_same_claim_too() {
    let limits = PerAddress { claims: Some(1), ..PerAddress::UNLIMITED };
    let scene = Scene::with_running(3).await.ruled(|rules| rules.claiming.per_address = limits);
    let key = Key::random();
    let sent = join_all((0..4).map(|_| claim_with_key(&scene, "ada@example.org", "4/x", &key)));
    let granted: Vec<Granted> = sent.await.into_iter().map(Result::unwrap).collect();
    assert!(granted.iter().all(|it| it.is_new && it.link.reveal() == granted[0].link.reveal()));
    assert_eq!(scene.count("select count(*) from claim").await, 1);
}

#[tokio::test]
async fn tokens_that_are_shown_once_are_shown_again_to_the_same_form() {
    let scene = Scene::with_running(1).await;
    let register = &once(&scene, &Key::random(), "register");
    let machine = vms::register(register, None, None).await.unwrap();
    let again = vms::register(register, None, None).await.unwrap();
    assert_eq!(again.hostname, machine.hostname, "the name was made up once");
    assert_eq!(again.enrolment_token.reveal(), machine.enrolment_token.reveal());
    assert_eq!(again.expires_at, machine.expires_at);

    let renew = &once(&scene, &Key::random(), "renew");
    let hostname = machine.hostname;
    let new = vms::renew_enrolment(renew, hostname.clone()).await.unwrap();
    assert_ne!(new.enrolment_token.reveal(), machine.enrolment_token.reveal());
    let again = vms::renew_enrolment(renew, hostname).await.unwrap();
    assert_eq!(again.enrolment_token.reveal(), new.enrolment_token.reveal(), "it is not void");

    scene.claim("ada@example.org", "4/x").await.unwrap();
    let claim_id = scene.count("select id from claim").await.into();
    let link = &once(&scene, &Key::random(), "link");
    let new = claims::issue_link(link, claim_id).await.unwrap().unwrap();
    let again = claims::issue_link(link, claim_id).await.unwrap().unwrap();
    assert_eq!(again.link.reveal(), new.link.reveal());
    assert_eq!(scene.count("select count(*) from claim_link").await, 1);
    let stored = "select count(*) from begun where outcome::text like '%' || $1 || '%'";
    let client = scene.db.client().await.unwrap();
    for secret in [new.link.reveal(), "4/x"] {
        let found: i64 = client.query_one(stored, &[&secret]).await.unwrap().get(0);
        assert_eq!(found, 0, "no secret is stored");
    }
}

#[tokio::test]
async fn keys_are_forgotten_after_a_week() {
    let scene = Scene::new().await;
    launch(once(&scene, &Key::random(), "old")).await.unwrap();
    launch(once(&scene, &Key::random(), "new")).await.unwrap();
    scene.sql("update begun set at = now() - interval '8 days' where ctid = (select min(ctid) from begun)").await;
    assert_eq!(scope::forget_old(&scene.db).await.unwrap(), 1);
    assert_eq!(scene.count("select count(*) from begun").await, 1);
}
