//! Needs a Postgres: see the crate's documentation.

use std::time::Duration;

use lablink_test_db::TestDb;
use tokio::time::sleep;
use tokio_postgres::{Client, Config, NoTls};

async fn connect(config: &Config) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

#[tokio::test]
async fn every_test_has_a_migrated_database_to_itself() {
    let (one, other) = tokio::join!(TestDb::create(), TestDb::create());
    let one = connect(&one.config()).await.unwrap();
    one.batch_execute("CREATE TABLE mine (); SELECT FROM refinery_schema_history").await.unwrap();
    let client = other.pool(1).get().await.unwrap();
    client
        .batch_execute("CREATE TABLE mine (); SELECT FROM refinery_schema_history")
        .await
        .unwrap();
}

#[tokio::test]
async fn the_database_goes_with_its_value_even_while_in_use() {
    let db = TestDb::create().await;
    let config = db.config();
    let _user = connect(&config).await.unwrap();
    drop(db);
    for _ in 0..100 {
        if connect(&config).await.is_err() {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("the database is still there");
}
