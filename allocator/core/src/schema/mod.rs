//! The schema: its migrations, and the steps that SQL can't do.

mod person_keys;
mod rights;

pub use rights::missing_rights;

use crate::db::{ConnectError, Server, limits};

mod migrations {
    refinery::embed_migrations!("migrations");
}

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("cannot take the lock that lets one allocator migrate at a time")]
    Lock(#[source] tokio_postgres::Error),
    #[error("a migration failed; the database is as it was before that migration")]
    Migrate(#[source] Box<refinery::Error>),
    #[error("the people in the database could not be given their keys; the next start tries again")]
    PersonKeys(#[source] tokio_postgres::Error),
}

/// Any fixed number, as long as nobody else in this database uses it as a lock.
const MIGRATION_LOCK: i64 = 0x006c_6162_6c69_6e6b;

/// Brings the schema up to date. Safe when several allocators start at once: they take turns, and
/// the second finds nothing to do.
pub async fn migrate(server: &(impl Clone + Into<Server>)) -> Result<(), MigrateError> {
    let server: Server = server.clone().into();
    let (mut client, connection) = server.connect("lablink", limits::MIGRATION_SILENCE).await?;
    let connection = tokio::spawn(connection);
    client
        .execute("select pg_advisory_lock($1)", &[&MIGRATION_LOCK])
        .await
        .map_err(MigrateError::Lock)?;
    let migrated = migrations::migrations::runner().run_async(&mut client).await;
    let outcome = match migrated {
        Ok(_report) => person_keys::fill_in(&client).await.map_err(MigrateError::PersonKeys),
        Err(error) => Err(MigrateError::Migrate(Box::new(error))),
    };
    // Closing the connection frees the lock, whatever happened.
    drop(client);
    let _closed = connection.await;
    outcome
}
