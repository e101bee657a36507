//! TLS to Postgres: against a real server, with certificates made here.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that can't go on fails")]

mod postgres;

use std::{net::TcpListener, time::Duration};

use lablink_core::{
    Db,
    db::{ConnectError, Server},
    live::{self, Hub},
    schema::{self, MigrateError},
};

use crate::postgres::{HOST, Postgres};

/// Whether each connection of that name is encrypted.
const ENCRYPTED: &str = "select s.ssl from pg_stat_ssl s join pg_stat_activity a using (pid)
    where a.application_name = $1";

async fn is_encrypted(db: &Db, application: &str) -> bool {
    let rows = db.client().await.unwrap().query(ENCRYPTED, &[&application]).await.unwrap();
    assert!(!rows.is_empty(), "nobody is called {application}");
    rows.iter().all(|row| row.get(0))
}

async fn until_connected(hub: &Hub, expected: bool) {
    tokio::time::timeout(Duration::from_secs(60), async {
        while hub.is_connected() != expected {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .expect("the listener's state never changed");
}

/// Tries a connection; whether TLS was what stood in the way.
async fn refused_by_tls(url: &str) -> bool {
    match schema::migrate(&Server::from_url(url).unwrap()).await {
        Ok(()) => false,
        Err(MigrateError::Connect(ConnectError::Tls(_))) => true,
        Err(error) => panic!("{url}: {error:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_pool_and_listener_are_encrypted_and_again_after_a_restart() {
    let mut postgres = Postgres::start_with_tls();
    let server = Server::from_url(&postgres.url(HOST, &postgres.verify("verify-full"))).unwrap();
    schema::migrate(&server).await.unwrap();
    let db = Db::new(&server, 2);
    let hub = Hub::default();
    let listening = tokio::spawn(live::listen(server, hub.clone()));
    until_connected(&hub, true).await;
    assert!(is_encrypted(&db, "lablink").await);
    assert!(is_encrypted(&db, "lablink-listener").await);

    postgres.stop();
    until_connected(&hub, false).await;
    postgres.start_again();
    until_connected(&hub, true).await;
    assert!(is_encrypted(&db, "lablink-listener").await);
    listening.abort();
}

#[tokio::test]
async fn who_is_checked_depends_on_the_mode() {
    let postgres = Postgres::start_with_tls();
    let strange = format!("&sslrootcert={}", postgres.file("strange-ca.pem"));
    let table = [
        (HOST, postgres.verify("verify-full"), false),
        (HOST, postgres.verify("verify-ca"), false),
        (HOST, format!("sslmode=verify-full{strange}"), true),
        (HOST, format!("sslmode=verify-ca{strange}"), true),
        // The authority of a throw-away certificate is none that an operating system knows.
        (HOST, "sslmode=verify-full".to_owned(), true),
        ("other.lablink.test", postgres.verify("verify-full"), true),
        ("other.lablink.test", postgres.verify("verify-ca"), false),
        ("other.lablink.test", "sslmode=require".to_owned(), false),
        ("other.lablink.test", "sslmode=prefer".to_owned(), false),
    ];
    for (host, parameters, refused) in table {
        let url = postgres.url(host, &parameters);
        assert_eq!(refused_by_tls(&url).await, refused, "{url}");
    }
    // The server itself takes nobody in the clear.
    let plain = Server::from_url(&postgres.url(HOST, "sslmode=disable")).unwrap();
    let outcome = schema::migrate(&plain).await;
    assert!(matches!(outcome, Err(MigrateError::Connect(ConnectError::Failed(_)))), "{outcome:?}");
}

#[tokio::test]
async fn without_tls_at_the_server_only_the_weaker_modes_connect() {
    let postgres = Postgres::start_in_the_clear();
    for (parameters, refused) in [
        ("sslmode=disable", false),
        ("sslmode=prefer", false),
        ("", false),
        ("sslmode=require", true),
        ("sslmode=verify-full", true),
    ] {
        let url = postgres.url(HOST, parameters);
        assert_eq!(refused_by_tls(&url).await, refused, "{url}");
    }
    let db = Db::new(&Server::from_url(&postgres.url(HOST, "")).unwrap(), 1);
    assert!(!is_encrypted(&db, "lablink").await);
}

#[tokio::test]
async fn who_takes_a_connection_and_says_nothing_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let url = format!("postgresql://lablink@127.0.0.1:{port}/postgres");
    let outcome = schema::migrate(&Server::from_url(&url).unwrap()).await;
    assert!(matches!(outcome, Err(MigrateError::Connect(ConnectError::Silent(_)))), "{outcome:?}");
}
