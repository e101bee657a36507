use futures_util::future::join_all;
use lablink_core::db::migrate;

use crate::scene::Scene;

#[tokio::test(flavor = "multi_thread")]
async fn several_allocators_may_migrate_an_empty_database_at_once() {
    let scene = Scene::new().await;
    scene.sql("drop schema public cascade; create schema public").await;
    let config = scene.database.config();
    let outcomes = join_all((0..6).map(|_| migrate(&config))).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let applied = "select count(*) = count(distinct version) from refinery_schema_history";
    let client = scene.db.client().await.unwrap();
    assert!(client.query_one(applied, &[]).await.unwrap().get::<_, bool>(0), "each once");
}
