use lablink_core::{
    Token,
    agents::{self, EnrolError},
};

use crate::scene::{Scene, name};

#[tokio::test]
async fn an_enrolment_token_works_once_for_its_vm() {
    let scene = Scene::with_running(2).await;
    let (one, two) = (name("lablink-vm-test-1"), name("lablink-vm-test-2"));
    let token = agents::issue_enrolment(&scene.db, scene.pool, &one).await.unwrap().unwrap();
    let enrol = async |hostname, token| agents::enrol(&scene.db, scene.pool, hostname, token).await;

    assert!(matches!(enrol(&two, &token).await, Err(EnrolError::Refused)));
    let guess = Token::random();
    assert!(matches!(enrol(&one, &guess).await, Err(EnrolError::Refused)));
    let agent = enrol(&one, &token).await.unwrap();
    assert_eq!(agents::identify(&scene.db, agent.hash()).await.unwrap(), Some(one.clone()));
    assert!(matches!(enrol(&one, &token).await, Err(EnrolError::Refused)), "used");
}

#[tokio::test]
async fn an_old_enrolment_token_is_refused() {
    let scene = Scene::with_running(1).await;
    let one = name("lablink-vm-test-1");
    let token = agents::issue_enrolment(&scene.db, scene.pool, &one).await.unwrap().unwrap();
    scene.sql("update enrolment set expires_at = now() - interval '1 second'").await;
    assert!(matches!(
        agents::enrol(&scene.db, scene.pool, &one, &token).await,
        Err(EnrolError::Refused)
    ));
}

#[tokio::test]
async fn a_machine_made_anew_voids_the_token_of_the_old_one() {
    let scene = Scene::with_running(1).await;
    let one = name("lablink-vm-test-1");
    let mut agents_of_one = Vec::new();
    for _ in 0..2 {
        let token = agents::issue_enrolment(&scene.db, scene.pool, &one).await.unwrap().unwrap();
        agents_of_one.push(agents::enrol(&scene.db, scene.pool, &one, &token).await.unwrap());
    }
    assert_eq!(agents::identify(&scene.db, agents_of_one[0].hash()).await.unwrap(), None);
    assert_eq!(agents::identify(&scene.db, agents_of_one[1].hash()).await.unwrap(), Some(one));
}

#[tokio::test]
async fn no_token_is_stored_as_it_is() {
    let scene = Scene::with_running(1).await;
    let one = name("lablink-vm-test-1");
    let token = agents::issue_enrolment(&scene.db, scene.pool, &one).await.unwrap().unwrap();
    let stored = format!(
        "select count(*) from enrolment where encode(token_sha256, 'escape') like '%{}%'",
        &token.reveal()[..20]
    );
    assert_eq!(scene.count(&stored).await, 0);
}
