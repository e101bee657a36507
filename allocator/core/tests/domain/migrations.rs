use futures_util::future::join_all;
use lablink_core::schema::migrate;

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

/// As an older allocator left them: raw words, and a log that counts neither its ids nor all that a
/// row takes.
#[tokio::test]
async fn what_came_before_is_cleaned_and_counted_anew() {
    let scene = Scene::with_running(1).await;
    let id = scene.count("select max(id) from operation").await;
    // Written in the statement itself: what is passed to one is cleaned.
    let said = r"E'no\x1b[31m \u009b2J\x1b]0;title\x07desk\x1b(B\x07top\r\nagain\x7f\u202e'";
    scene
        .sql(&format!(
            "insert into operation_log (operation_id, level, line) values ({id}, 'info', {said});
             update operation set reason = {said}; update vm set gpu_reason = {said};
             insert into log_line (vm_id, at, line, event_id)
             select id, now(), 'abc', 'e-1' from vm;
             insert into log_line (vm_id, at, line) select id, now(), 'abc' from vm;
             insert into log_volume (vm_id, lines, bytes) select id, 2, 2 * (3 + 64) from vm;
             alter table log_volume drop column dropped, drop column dropped_at"
        ))
        .await;
    scene.sql(include_str!("../../migrations/V24__clean_words.sql")).await;
    scene.sql(include_str!("../../migrations/V25__budgets.sql")).await;
    let clean = "select (select count(*) from operation_log where line = E'no desktop\\nagain')
                      + (select count(*) from operation where reason = E'no desktop\\nagain')
                      + (select count(*) from vm where gpu_reason = E'no desktop\\nagain')";
    assert_eq!(scene.count(clean).await, 3);
    assert_eq!(scene.count("select bytes from log_volume").await, 2 * (3 + 96) + 32 + 2 * 3);
}
