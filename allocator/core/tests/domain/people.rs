//! One person, however they spell their address.

use lablink_core::{
    claims::{self, Refusal},
    line::{JoinError, Presented},
    schema::migrate,
};

use crate::scene::Scene;

const TYPED: &str = "ada@müller.example";
const SENT_BY_CHROMIUM: &str = "ada@xn--mller-kva.example";

#[tokio::test]
async fn another_spelling_is_no_other_person() {
    let scene = Scene::with_running(3).await;
    let first = scene.claim(TYPED, "4/x").await.unwrap();
    for spelling in
        [SENT_BY_CHROMIUM, "mailto:Ada@Mu\u{308}ller.example.", "<ada@müller.example>\u{200b}"]
    {
        let again = scene.claim(spelling, "4/x").await.unwrap();
        assert_eq!((again.hostname, again.is_new), (first.hostname.clone(), false), "{spelling}");
        let stranger = scene.claim(spelling, "4/other").await;
        assert_eq!(stranger.unwrap_err(), Refusal::AlreadyClaimed);
        let place = scene.join(spelling, Presented::default());
        assert!(matches!(place.await, Err(JoinError::AlreadyClaimed)));
    }
    assert_eq!(
        scene.count("select count(*) from claim where email = 'ada@müller.example'").await,
        1
    );
}

#[tokio::test]
async fn a_claim_ends_the_place_of_every_spelling() {
    let scene = Scene::with_running(0).await;
    scene.join(TYPED, Presented::default()).await.unwrap();
    let second = scene.join(SENT_BY_CHROMIUM, Presented::default());
    assert!(matches!(second.await, Err(JoinError::AlreadyInLine)));
    scene.sql("update place set last_looked_at = now() - interval '1 hour'").await;
    scene.launch(1).await;
    scene.sql("update vm set status = 'running'").await;
    scene.claim(SENT_BY_CHROMIUM, "4/x").await.unwrap();
    assert_eq!(scene.count("select count(*) from place where ended_at is null").await, 0);
}

/// Puts claims there as an allocator wrote them that knew no keys.
async fn from_before(spellings: &[&str]) -> Scene {
    let scene = Scene::with_running(6).await;
    for (nr, spelling) in spellings.iter().enumerate() {
        scene.claim(&format!("person{nr}@example.org"), "4/x").await.unwrap();
        let old =
            format!("update claim set person = null, email = '{spelling}' where id = {}", nr + 1);
        scene.sql(&old).await;
    }
    scene
}

#[tokio::test(flavor = "multi_thread")]
async fn two_claims_that_turn_out_to_be_one_persons_both_stay_and_the_organiser_is_told() {
    let scene = from_before(&[TYPED, "bob@example.org", SENT_BY_CHROMIUM]).await;
    let config = scene.database.config();
    // Several do it at once, and again, as when a start was interrupted or many allocators start.
    let starts = (0..3).map(|_| migrate(&config));
    futures_util::future::join_all(starts).await.into_iter().for_each(|start| start.unwrap());

    assert_eq!(scene.count("select count(*) from claim where released_at is null").await, 3);
    let told = claims::same_person(&scene.scope()).await.unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].first.0.as_str(), told[0].later.0.as_str()), (TYPED, SENT_BY_CHROMIUM));
    let events = "select count(*) from event where kind = 'claim.same_person'";
    assert_eq!(scene.count(events).await, 1, "once");

    // Each spelling leads to a claim; none makes a third one.
    let again = scene.claim(TYPED, "4/x").await.unwrap();
    assert_eq!((again.hostname.as_str(), again.is_new), ("lablink-vm-test-1", false));
    assert!(!scene.claim(SENT_BY_CHROMIUM, "4/x").await.unwrap().is_new);
    assert!(!scene.claim("bob@example.org.", "4/x").await.unwrap().is_new);

    // The first one ends: the later keeps its own spelling, and gets the key at the next start.
    scene.sql("update vm set claim_id = null where number = 1; \
               update claim set released_at = now(), release_reason = 'released', crd_code = null, pin = null where id = 1").await;
    let later = scene.claim(SENT_BY_CHROMIUM, "4/x").await.unwrap();
    assert_eq!((later.hostname.as_str(), later.is_new), ("lablink-vm-test-3", false));
    migrate(&config).await.unwrap();
    assert!(claims::same_person(&scene.scope()).await.unwrap().is_empty());
    let found = scene.claim(TYPED, "4/x").await.unwrap();
    assert_eq!(found.hostname, later.hostname);
}

#[tokio::test]
async fn an_older_allocator_beside_us_goes_on_finding_what_it_and_we_wrote() {
    let scene = from_before(&["carl@example.org", "an odd one@@"]).await;
    // Ours, as the older one looks for it: by its spelling in lower case.
    scene.claim("Ada@Example.org", "4/x").await.unwrap();
    let found =
        "select count(*) from claim where email = 'ada@example.org' and released_at is null";
    assert_eq!(scene.count(found).await, 1);
    // Its own, before any start of ours has seen it.
    assert!(!scene.claim("Carl@example.org,", "4/x").await.unwrap().is_new);
    migrate(&scene.database.config()).await.unwrap();
    let odd = "select count(*) from claim where person is null";
    assert_eq!(scene.count(odd).await, 1, "what is no address keeps its spelling");
}
