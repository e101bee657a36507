use tokio_postgres::{Client, Config};

pub(crate) const NAME: &str = "lablink_template";

/// The template carries this name until it is complete: a killed test leaves no half-made one.
const UNFINISHED: &str = "lablink_template_unfinished";

/// Any fixed number: test programs that start together take turns.
const LOCK: i64 = 0x7465_6d70;

/// Makes the template unless it is there. `client` is connected to the maintenance database.
pub(crate) async fn ensure(client: &Client, maintenance: &Config) {
    if exists(client).await {
        return;
    }
    client.execute("SELECT pg_advisory_lock($1)", &[&LOCK]).await.expect("no lock on the template");
    if !exists(client).await {
        make(client, maintenance).await;
    }
    let unlocked = client.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]).await;
    unlocked.expect("the lock on the template stays");
}

async fn exists(client: &Client) -> bool {
    let found = client.query_opt("SELECT FROM pg_database WHERE datname = $1", &[&NAME]).await;
    found.expect("no look at the databases").is_some()
}

async fn make(client: &Client, maintenance: &Config) {
    let run = async |sql: String| {
        client.batch_execute(&sql).await.expect("the template database could not be made");
    };
    run(format!("DROP DATABASE IF EXISTS {UNFINISHED}")).await;
    run(format!("CREATE DATABASE {UNFINISHED}")).await;
    let mut config = maintenance.clone();
    config.dbname(UNFINISHED);
    lablink_core::schema::migrate(&config).await.expect("the migrations fail on an empty database");
    // A template can only be copied while nobody is connected to it.
    run(format!("ALTER DATABASE {UNFINISHED} ALLOW_CONNECTIONS false")).await;
    run(format!("ALTER DATABASE {UNFINISHED} RENAME TO {NAME}")).await;
}
