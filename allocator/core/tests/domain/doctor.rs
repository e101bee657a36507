//! What can be seen of a database that is not as it should be.

use lablink_core::{Db, db::Server, live, schema};
use lablink_test_db::TestDb;

use crate::scene::Scene;

#[tokio::test]
async fn a_role_without_rights_is_told_what_it_lacks() {
    let scene = Scene::new().await;
    assert_eq!(schema::missing_rights(&scene.db).await.unwrap(), [""; 0]);
    scene.sql("revoke update on claim from current_user").await;
    scene.sql("revoke create on schema public from pg_database_owner, public").await;
    let missing = schema::missing_rights(&scene.db).await.unwrap();
    assert_eq!(missing, ["claim: update", "schema public: create"]);
}

#[tokio::test]
async fn notifications_that_go_elsewhere_are_not_heard() {
    let (here, elsewhere) = (TestDb::create().await, TestDb::create().await);
    let server: Server = here.config().into();
    assert!(live::echoes(&server, &Db::new(&here.config(), 1)).await.unwrap());
    assert!(!live::echoes(&server, &Db::new(&elsewhere.config(), 1)).await.unwrap());
}

#[tokio::test]
async fn the_databases_clock_is_read() {
    let scene = Scene::new().await;
    let apart = scene.db.now().await.unwrap().duration_since(jiff::Timestamp::now());
    assert!(apart.abs().as_secs() < 60, "{apart:?}");
}
