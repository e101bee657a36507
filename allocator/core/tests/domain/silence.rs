//! The way to Postgres falls silent: nothing is closed, and nothing comes any more.

use std::time::{Duration, Instant};

use lablink_core::{
    Db, DbError,
    db::Server,
    live::{self, Hub, Topic},
};

use crate::{
    proxy::Proxy,
    scene::{Scene, name},
};

/// The bar for what a silence may cost, after its end or before it is noticed.
const BACK: Duration = Duration::from_secs(5);

async fn within(limit: Duration, what: &str, holds: impl AsyncFn() -> bool) -> Duration {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    start.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_wait_hear_of_it_and_service_is_back_by_another_route() {
    let scene = Scene::with_running(1).await;
    let proxy = Proxy::to(&scene.database.config()).await;
    let server = Server::from(proxy.config.clone());
    let (db, hub) = (Db::new(&server, 4), Hub::default());
    let listening = tokio::spawn(live::listen(server, hub.clone()));
    within(BACK, "the listener listens", async || hub.is_connected()).await;
    let is_ready = async || hub.is_connected() && db.ping().await.is_ok();
    assert!(is_ready().await);

    // All connections of the pool are in the middle of a statement.
    let ask = async |db: Db| -> Result<(), DbError> {
        db.client().await?.batch_execute("select pg_sleep(3)").await?;
        Ok(())
    };
    let slow: Vec<_> = (0..4).map(|_| tokio::spawn(ask(db.clone()))).collect();
    for statement in slow {
        statement.await.unwrap().expect("slow is not silent");
    }
    let waiting: Vec<_> = (0..4).map(|_| tokio::spawn(ask(db.clone()))).collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    proxy.fall_silent();
    let silent = Instant::now();
    let asked = Instant::now();
    let error = db.ping().await.unwrap_err();
    assert!(error.is_away() && asked.elapsed() < Duration::from_secs(3), "{error:?}");
    for statement in waiting {
        let error = statement.await.unwrap().unwrap_err();
        assert!(error.is_away() && silent.elapsed() < BACK, "{error:?}, {:?}", silent.elapsed());
    }
    assert!(!hub.is_connected());

    let mut waiter = hub.subscribe(Topic::Vm(name("lablink-vm-test-1")));
    proxy.let_new_ones_pass();
    let back = within(BACK, "service is back", is_ready).await;
    waiter.changed().await;
    eprintln!("time back: {back:?}");
    listening.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_that_fell_silent_cost_one_request_a_moment() {
    let scene = Scene::new().await;
    let proxy = Proxy::to(&scene.database.config()).await;
    let db = Db::new(&proxy.config, 4);
    let all = futures_util::future::join_all((0..4).map(|_| db.client())).await;
    drop(all);
    assert_eq!(db.connections().idle, 4);
    proxy.lose_these();
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let start = Instant::now();
    db.client().await.unwrap().batch_execute("select 1").await.unwrap();
    assert!(start.elapsed() < BACK, "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_that_fell_silent_takes_none_with_it_that_is_at_work() {
    let scene = Scene::new().await;
    let proxy = Proxy::to(&scene.database.config()).await;
    let db = Db::new(&proxy.config, 4);
    let first = db.client().await.unwrap();
    let second = db.client().await.unwrap();
    drop(first);
    proxy.lose_first();
    let working = tokio::spawn(async move { second.batch_execute("select pg_sleep(6)").await });
    tokio::time::sleep(Duration::from_millis(2100)).await;
    // Finds the first silent, and gets another.
    db.client().await.unwrap().batch_execute("select 1").await.unwrap();
    working.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_database_is_away_says_one_list() {
    let scene = Scene::new().await;
    let error = async |state: &str| -> DbError {
        let raise = format!("do $$ begin raise exception 'x' using errcode = '{state}'; end $$");
        let client = scene.db.client().await.unwrap();
        client.batch_execute(&raise).await.unwrap_err().into()
    };
    for away in [
        "25P02", "25P03", "25P04", "25006", "08006", "08001", "53300", "53200", "57P01", "57P02",
        "57P03", "57P05", "57014",
    ] {
        let error = error(away).await;
        assert!(error.is_away() && !error.is_contended(), "{away}: {error:?}");
    }
    for contended in ["40001", "40P01"] {
        let error = error(contended).await;
        assert!(error.is_contended() && !error.is_away(), "{contended}: {error:?}");
    }
    for ours in ["23505", "42601", "22001", "P0001"] {
        let error = error(ours).await;
        assert!(!error.is_contended() && !error.is_away(), "{ours}: {error:?}");
    }
    let mut client = scene.db.client().await.unwrap();
    client.batch_execute("set idle_in_transaction_session_timeout = 50").await.unwrap();
    let transaction = client.transaction().await.unwrap();
    transaction.batch_execute("select 1").await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let error = DbError::from(transaction.batch_execute("select 1").await.unwrap_err());
    assert!(error.is_away(), "a transaction that was stopped for too long: {error:?}");
}
