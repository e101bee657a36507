use std::env;

use tokio_postgres::{Client, Config, NoTls};

/// Names the maintenance database of the tests' Postgres, and a role that may create databases.
pub const DATABASE_URL_VARIABLE: &str = "LABLINK_TEST_DATABASE_URL";

pub(crate) fn maintenance_config() -> Config {
    env::var(DATABASE_URL_VARIABLE)
        .expect(
            "LABLINK_TEST_DATABASE_URL is not set: run `make test`, or \
             `cargo run -p lablink-test-db -- run -- cargo test`",
        )
        .parse()
        .expect("LABLINK_TEST_DATABASE_URL is no Postgres URL")
}

pub(crate) async fn connect(config: &Config) -> Client {
    let connected = config.connect(NoTls).await;
    let (client, connection) =
        connected.expect("the Postgres of LABLINK_TEST_DATABASE_URL does not answer");
    tokio::spawn(connection);
    client
}
