//! Browsers that gave a secret before, and people who show what is theirs.

use lablink_core::{
    AccessCode, Token,
    admissions::{self, Known},
    claims,
    line::{Joined, Presented},
};
use lablink_protocol::CrdCode;

use crate::scene::Scene;

#[tokio::test]
async fn a_browser_is_known_for_what_it_gave_and_for_a_month() {
    let scene = Scene::new().await;
    let (ada, bob) = (Token::random(), Token::random());
    let [code, other]: [AccessCode; 2] = ["7421", "8532"].map(|code| code.parse().unwrap());
    let has = async |browser, known| admissions::has(&scene.db, browser, known).await.unwrap();
    for _ in 0..2 {
        admissions::record(&scene.db, &ada, Known::AccessCode(&code)).await.unwrap();
    }
    assert!(has(&ada, Known::AccessCode(&code)).await);
    assert!(!has(&ada, Known::AccessCode(&other)).await, "another code");
    assert!(!has(&ada, Known::AdminPassword).await, "another secret");
    assert!(!has(&bob, Known::AccessCode(&code)).await, "another browser");

    scene.sql("update admission set last_at = now() - interval '31 days'").await;
    assert!(!has(&ada, Known::AccessCode(&code)).await, "too long ago");
    admissions::record(&scene.db, &bob, Known::AdminPassword).await.unwrap();
    assert_eq!(scene.count("select count(*) from admission").await, 1, "the old one is forgotten");
    scene.sql("update admission set last_at = now() - interval '20 days'").await;
    admissions::record(&scene.db, &bob, Known::AdminPassword).await.unwrap();
    let fresh = "select count(*) from admission where last_at > now() - interval '1 day'";
    assert_eq!(scene.count(fresh).await, 1, "lasts from its last time");
}

#[tokio::test]
async fn a_machine_or_a_place_is_shown_to_be_theirs() {
    let scene = Scene::with_running(1).await;
    let is_proven = async |email: &str, code: Option<&str>, token: Option<&Token>| {
        let code = code.map(|code| CrdCode::from_command(&format!("--code={code}")).unwrap());
        let email = email.parse().unwrap();
        claims::is_proven(&scene.scope(), &email, code.as_ref(), token).await.unwrap()
    };
    let ada = scene.claim("ada@example.org", "4/ada").await.unwrap();
    let stranger = Token::random();
    assert!(is_proven("ada@example.org", Some("4/ada"), None).await);
    assert!(is_proven("Ada@Example.org", None, Some(&ada.link)).await);
    assert!(!is_proven("ada@example.org", Some("4/x"), Some(&stranger)).await);
    assert!(!is_proven("ada@example.org", None, None).await);
    assert!(!is_proven("bob@example.org", Some("4/ada"), Some(&ada.link)).await);

    let joined = scene.join("bob@example.org", Presented::default()).await;
    let Joined::Place(place) = joined.unwrap() else { panic!("no place") };
    assert!(is_proven("bob@example.org", None, Some(&place)).await);
    assert!(!is_proven("bob@example.org", Some("4/x"), Some(&ada.link)).await);
}
