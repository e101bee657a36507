use std::time::Duration;

use futures_util::future::join_all;
use lablink_core::{
    Actor, Db, DbError, Scope, Token,
    claims::{self, Progress, Refusal, ReleaseReason},
    line::{self, ClaimKept, EndReason, JoinError, Joined, Presented, Standing},
    live::{self, Hub, Topic},
    operations::{self, TakeBack, Then, Whose},
    scope::Key,
    vms,
};
use lablink_protocol::{CrdCode, GpuHealth, VmStatus};

use crate::scene::{Scene, admin, name};

async fn try_join(scene: &Scene, email: &str, token: Option<&Token>) -> Result<Joined, JoinError> {
    join_with(scene, email, Presented { token: token.cloned(), key: None }).await
}

async fn join_with(scene: &Scene, email: &str, with: Presented) -> Result<Joined, JoinError> {
    scene.join(email, with).await
}

async fn join(scene: &Scene, email: &str) -> Token {
    match try_join(scene, email, None).await.unwrap() {
        Joined::Place(token) => token,
        Joined::HoldsVm(_) => panic!("{email} holds a VM"),
    }
}

async fn look(scene: &Scene, token: &Token) -> Standing {
    line::look(&scene.scope(), token).await.unwrap().unwrap()
}

async fn offered(scene: &Scene, token: &Token) -> Option<String> {
    match look(scene, token).await {
        Standing::Offered { hostname, .. } => Some(hostname.to_string()),
        Standing::Waiting { .. } | Standing::Over(_) => None,
    }
}

async fn claim(scene: &Scene, token: &Token) -> ClaimKept {
    let code = CrdCode::from_command("--code=4/late").unwrap();
    line::claim(&scene.scope(), token, Some(&code)).await.unwrap()
}

async fn release(scene: &Scene, hostname: &str) {
    let wish = TakeBack {
        hostname: &name(hostname),
        whose: Whose::Anybodys,
        reason: ReleaseReason::Released,
        then: Then::Reuse,
    };
    operations::take_back(&scene.by(admin()), &wish).await.unwrap();
}

async fn free(scene: &Scene) -> i64 {
    vms::free(&scene.scope()).await.unwrap()
}

/// One VM, taken, with the three who wait for it.
async fn three_in_line() -> (Scene, [Token; 3]) {
    let scene = Scene::with_running(1).await;
    scene.claim("first@example.org", "4/x").await.unwrap();
    let tokens = [
        join(&scene, "ada@example.org").await,
        join(&scene, "bob@example.org").await,
        join(&scene, "cy@example.org").await,
    ];
    (scene, tokens)
}

#[tokio::test]
async fn a_released_vm_goes_to_the_first_in_line_and_to_nobody_else() {
    let (scene, [ada, bob, _]) = three_in_line().await;
    release(&scene, "lablink-vm-test-1").await;
    assert_eq!(free(&scene).await, 0);
    assert_eq!(offered(&scene, &ada).await.as_deref(), Some("lablink-vm-test-1"));
    assert_eq!(offered(&scene, &bob).await, None);
    let stranger = scene.claim("eve@example.org", "4/x").await;
    assert_eq!(stranger.unwrap_err(), Refusal::NoneFree);

    assert!(matches!(claim(&scene, &bob).await, ClaimKept::NothingKept));
    assert!(matches!(claim(&scene, &ada).await, ClaimKept::Claimed(_)));
    let view = claims::by_link(&scene.db, &ada).await.unwrap().unwrap();
    assert_eq!(view.email, "ada@example.org");
    assert!(matches!(view.progress, Progress::Open { .. }), "the place's link opens the claim");
    assert!(matches!(look(&scene, &ada).await, Standing::Over(EndReason::Claimed)));
    assert!(matches!(look(&scene, &bob).await, Standing::Waiting { ahead: 0, waiting: 2, .. }));
}

#[tokio::test]
async fn everybody_knows_their_place() {
    let (scene, tokens) = three_in_line().await;
    for (nr, token) in tokens.iter().enumerate() {
        let Standing::Waiting { ahead, waiting, expected_seconds } = look(&scene, token).await
        else {
            panic!("nothing is free");
        };
        assert_eq!((ahead, waiting, expected_seconds), (nr as i64, 3, None), "none starts");
    }
    assert_eq!(line::count(&scene.scope()).await.unwrap(), 3);
    let list = line::waiting(&scene.scope(), None, 10).await.unwrap().places;
    assert_eq!(list[2].email, "cy@example.org");
}

#[tokio::test]
async fn the_time_to_wait_comes_from_how_long_other_vms_took() {
    let scene = Scene::new().await;
    scene.launch(2).await;
    scene.report("lablink-vm-test-1", VmStatus::Running).await;
    scene.report("lablink-vm-test-2", VmStatus::Running).await;
    scene.sql("update vm set created_at = now() - interval '100 seconds'").await;
    scene.claim("one@example.org", "4/x").await.unwrap();
    scene.claim("two@example.org", "4/x").await.unwrap();
    scene.launch(1).await;
    let (ada, bob) = (join(&scene, "ada@example.org").await, join(&scene, "b@example.org").await);
    let expected = async |token| match look(&scene, token).await {
        Standing::Waiting { expected_seconds, .. } => expected_seconds,
        Standing::Offered { .. } | Standing::Over(_) => panic!("none is ready"),
    };
    assert_eq!(expected(&ada).await, Some(100), "a whole start: it still waits for its turn");
    let begun = "update vm set starting_since = now() - interval '30 seconds' where number = 3";
    scene.sql(begun).await;
    let soon = expected(&ada).await.unwrap();
    assert!((60..=72).contains(&soon), "{soon}");
    assert_eq!(expected(&bob).await, None, "only one starts");
    scene.report("lablink-vm-test-3", VmStatus::Running).await;
    assert_eq!(offered(&scene, &ada).await.as_deref(), Some("lablink-vm-test-3"));
}

#[tokio::test]
async fn nobody_is_promised_a_vm_that_may_never_come() {
    let scene = Scene::with_running(3).await;
    scene.sql("update vm set created_at = now() - interval '60 seconds'").await;
    for number in 1..=3 {
        let vm = format!("lablink-vm-test-{number}");
        scene.report(&vm, VmStatus::Initializing).await;
        scene.report(&vm, VmStatus::Running).await;
        scene.claim(&format!("{number}@example.org"), "4/x").await.unwrap();
    }
    scene.launch(1).await;
    vms::register(&scene.by(admin()), None, None).await.unwrap();
    let ada = join(&scene, "ada@example.org").await;
    for what in [
        "starting_since = now() - interval '61 seconds'", // longer than any other took
        "starting_since = now() - interval '1 hour', overdue_at = now()",
        "status = 'error'",
        "status = 'running', used_at = now()",
        "status = 'running', used_at = null, suspect_at = now()",
    ] {
        scene.sql(&format!("update vm set {what} where number = 4")).await;
        if what.contains("suspect") {
            scene
                .sql("insert into vm_presence select id, now() - interval '4 minutes' from vm where number = 4")
                .await;
        }
        let standing = look(&scene, &ada).await;
        assert!(
            matches!(standing, Standing::Waiting { expected_seconds: None, .. }),
            "{what}: {standing:?}"
        );
    }
}

#[tokio::test]
async fn a_place_that_nobody_looks_at_lapses_and_its_vm_goes_to_the_next() {
    let (scene, [ada, bob, cy]) = three_in_line().await;
    scene
        .sql("update place set last_looked_at = now() - interval '181 seconds' where id = 1")
        .await;
    assert_eq!(line::count(&scene.scope()).await.unwrap(), 2);
    release(&scene, "lablink-vm-test-1").await;
    assert!(offered(&scene, &bob).await.is_some());
    assert!(matches!(look(&scene, &ada).await, Standing::Over(EndReason::Lapsed)));

    // An offer that is not taken up lapses as well, even while somebody looks at it.
    scene.sql("update place set offered_at = now() - interval '601 seconds' where id = 2").await;
    scene.report("lablink-vm-test-1", VmStatus::Unknown).await;
    scene.report("lablink-vm-test-1", VmStatus::Running).await;
    assert!(matches!(look(&scene, &bob).await, Standing::Over(EndReason::Lapsed)));
    assert!(offered(&scene, &cy).await.is_some());
    let again = join(&scene, "ada@example.org").await;
    assert!(matches!(look(&scene, &again).await, Standing::Waiting { ahead: 0, .. }));
}

#[tokio::test]
async fn an_offered_vm_that_falls_ill_is_replaced_by_the_next_free_one() {
    let (scene, [ada, ..]) = three_in_line().await;
    release(&scene, "lablink-vm-test-1").await;
    let ill = name("lablink-vm-test-1");
    let gpu = async |health| {
        vms::set_gpu(&scene.scope(), &ill, health, None).await.unwrap();
    };
    gpu(GpuHealth::Unhealthy).await;
    assert!(matches!(look(&scene, &ada).await, Standing::Waiting { ahead: 0, waiting: 3, .. }));
    assert!(matches!(claim(&scene, &ada).await, ClaimKept::NothingKept));
    gpu(GpuHealth::Healthy).await;
    assert_eq!(offered(&scene, &ada).await.as_deref(), Some("lablink-vm-test-1"));
}

#[tokio::test]
async fn more_vms_than_are_offered_at_once_go_to_the_line_in_its_order() {
    let scene = Scene::with_running(150).await;
    scene.sql("update vm set used_at = now()").await;
    scene
        .sql(
            "insert into place (pool_id, email, person, token_sha256)
             select id, n || '@example.org', n || '@example.org', sha256(n::text::bytea)
             from pool, generate_series(1, 260) as n",
        )
        .await;
    let waiting = async || {
        let last = "select count(*) from place where offered_at is null";
        (scene.count(last).await, line::count(&scene.scope()).await.unwrap())
    };
    assert_eq!(waiting().await, (260, line::COUNTED), "it is counted only so far");
    scene.sql("update vm set used_at = null").await;
    line::tend(&scene.scope()).await.unwrap();
    assert_eq!(waiting().await, (110, 110));
    let in_order = "select count(*) from vm join place on place.id = vm.place_id
                    where vm.number = place.id";
    assert_eq!(scene.count(in_order).await, 150);
}

#[tokio::test]
async fn who_leaves_makes_room() {
    let (scene, [ada, bob, _]) = three_in_line().await;
    release(&scene, "lablink-vm-test-1").await;
    line::leave(&scene.scope(), &ada).await.unwrap();
    assert!(matches!(look(&scene, &ada).await, Standing::Over(EndReason::Left)));
    assert!(offered(&scene, &bob).await.is_some());
}

#[tokio::test]
async fn one_person_has_one_place_and_only_their_browser_gets_it_again() {
    let (scene, [ada, ..]) = three_in_line().await;
    let again = try_join(&scene, "ADA@example.org", Some(&ada)).await.unwrap();
    assert!(matches!(again, Joined::Place(token) if token.reveal() == ada.reveal()));
    for token in [None, Some(&Token::random())] {
        let stranger = try_join(&scene, "ada@example.org", token).await;
        assert!(matches!(stranger, Err(JoinError::AlreadyInLine)));
    }
    let holder = try_join(&scene, "first@example.org", None).await;
    assert!(matches!(holder, Err(JoinError::AlreadyClaimed)));
    assert_eq!(line::count(&scene.scope()).await.unwrap(), 3);
}

/// What the form of one page sends.
async fn send_form(scene: &Scene, email: &str, key: &str) -> Result<String, JoinError> {
    let with = Presented { token: None, key: Key::presented(key) };
    match join_with(scene, email, with).await? {
        Joined::Place(token) | Joined::HoldsVm(token) => Ok(token.reveal().to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_form_again_is_the_same_place() {
    let (scene, _) = three_in_line().await;
    let key = Key::random().reveal().to_owned();
    let sent = join_all((0..4).map(|_| send_form(&scene, "dan@example.org", &key))).await;
    let first = sent[0].as_ref().unwrap();
    assert!(sent.iter().all(|it| it.as_ref().unwrap() == first), "a double click: {sent:?}");
    assert_eq!(line::count(&scene.scope()).await.unwrap(), 4);
    assert!(matches!(look(&scene, &Token::presented(first)).await, Standing::Waiting { .. }));
    for other in ["short", Key::random().reveal()] {
        let stranger = send_form(&scene, "dan@example.org", other).await;
        assert!(matches!(stranger, Err(JoinError::AlreadyInLine)));
    }

    // Another e-mail needs a fresh form.
    let other = send_form(&scene, "dana@example.org", &key).await;
    assert!(matches!(other, Err(JoinError::Db(DbError::KeyReused))), "{other:?}");

    // Claimed meanwhile: the form leads to the machine.
    scene.sql("update vm set place_id = (select max(id) from place), claim_id = null; \
               update claim set released_at = now(), release_reason = 'released', crd_code = null, pin = null")
        .await;
    assert!(matches!(claim(&scene, &Token::presented(first)).await, ClaimKept::Claimed(_)));
    assert_eq!(send_form(&scene, "dan@example.org", &key).await.unwrap(), *first);

    // Given up: the page of the same place says so.
    let key = Key::random().reveal().to_owned();
    let left = send_form(&scene, "eve@example.org", &key).await.unwrap();
    line::leave(&scene.scope(), &Token::presented(&left)).await.unwrap();
    assert_eq!(send_form(&scene, "eve@example.org", &key).await.unwrap(), left);
    assert!(matches!(
        look(&scene, &Token::presented(&left)).await,
        Standing::Over(EndReason::Left)
    ));
}

#[tokio::test]
async fn a_vm_that_became_free_unseen_is_not_snatched_from_the_line() {
    let (scene, [ada, ..]) = three_in_line().await;
    scene.launch(1).await;
    scene.sql("update vm set status = 'running' where number = 2").await; // as by a heartbeat
    assert_eq!(free(&scene).await, 0);
    assert_eq!(scene.claim("eve@example.org", "4/x").await.unwrap_err(), Refusal::NoneFree);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while offered(&scene, &ada).await.is_none() {
        assert!(std::time::Instant::now() < deadline);
        line::tend(&scene.scope()).await.unwrap();
    }
}

#[tokio::test]
async fn who_finds_a_vm_elsewhere_leaves_the_line() {
    let (scene, [ada, bob, cy]) = three_in_line().await;
    scene.launch(4).await;
    for number in 2..=5 {
        scene.report(&format!("lablink-vm-test-{number}"), VmStatus::Running).await;
    }
    assert_eq!(free(&scene).await, 1, "three are kept");
    scene.claim("ada@example.org", "4/x").await.unwrap();
    assert!(matches!(look(&scene, &ada).await, Standing::Over(EndReason::Claimed)));
    line::leave(&scene.scope(), &cy).await.unwrap();
    assert_eq!(free(&scene).await, 2, "what was kept for Ada and Cy is free");
    assert!(offered(&scene, &bob).await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_who_come_at_once_are_served_in_order_each_once() {
    let scene = Scene::with_running(10).await;
    for n in 0..10 {
        scene.claim(&format!("holder{n}@example.org"), "4/x").await.unwrap();
    }
    let emails: Vec<String> = (0..40).map(|n| format!("person{n}@example.org")).collect();
    let tokens = join_all(emails.iter().map(|email| join(&scene, email))).await;
    let vms: Vec<String> = (1..=10).map(|n| format!("lablink-vm-test-{n}")).collect();
    join_all(vms.iter().map(|vm| release(&scene, vm))).await;
    let standings = join_all(tokens.iter().map(|token| offered(&scene, token))).await;
    assert_eq!(standings.iter().flatten().count(), 10);
    let last_served = "select max(id) from place where offered_at is not null";
    let first_waiting = "select min(id) from place where offered_at is null";
    assert!(scene.count(last_served).await < scene.count(first_waiting).await);
    let claims = join_all(tokens.iter().map(|token| claim(&scene, token))).await;
    let won = claims.iter().filter(|claim| matches!(claim, ClaimKept::Claimed(_))).count();
    assert_eq!(won, 10);
    let double = "select count(*) - count(distinct vm_id) from claim where released_at is null";
    assert_eq!(scene.count(double).await, 0);
}

/// What a second allocator has of its own: connections, and a listener with its waiters.
async fn another_allocator(scene: &Scene) -> (Scope, Hub) {
    let (db, hub) = (Db::new(&scene.database.config(), 4), Hub::default());
    tokio::spawn(live::listen(scene.database.config(), hub.clone()));
    while !hub.is_connected() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    (Scope::new(&db, &scene.pool, Actor::System), hub)
}

#[tokio::test]
async fn who_waits_at_one_allocator_hears_of_a_vm_that_another_frees() {
    let (scene, [ada, bob, _]) = three_in_line().await;
    let (scope, hub) = another_allocator(&scene).await;
    let mut changes = hub.subscribe(Topic::Line(scene.pool.id));
    release(&scene, "lablink-vm-test-1").await;
    tokio::time::timeout(Duration::from_secs(20), changes.changed()).await.unwrap();
    let there = async |token| line::look(&scope, token).await.unwrap().unwrap();
    assert!(matches!(there(&ada).await, Standing::Offered { .. }));
    assert!(matches!(there(&bob).await, Standing::Waiting { .. }), "in the same order everywhere");
    let code = CrdCode::from_command("--code=4/late").unwrap();
    let claimed = line::claim(&scope, &ada, Some(&code)).await.unwrap();
    assert!(matches!(claimed, ClaimKept::Claimed(_)));
    assert!(matches!(claim(&scene, &ada).await, ClaimKept::Claimed(_)), "told the same by either");
    let claims = "select count(*) from claim where email = 'ada@example.org'";
    assert_eq!(scene.count(claims).await, 1, "once");
}
