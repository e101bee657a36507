//! The way to Postgres: the server and its TLS, one pool of connections, and the migrations.

mod address;
mod again;
mod connector;
mod server;
mod sessions;
mod tls;
mod verifier;

use std::{str::FromStr, time::Duration};

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio_postgres::Row;

pub use address::AddressError;
pub(crate) use again::{HasDbError, again, pause};
pub use server::{ConnectError, Server};
pub use sessions::Sessions;
pub use tls::{Authorities, SslMode, Tls, TlsError};

mod migrations {
    refinery::embed_migrations!("migrations");
}

/// A database call that failed for no fault of the caller.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    #[error("no database connection could be had")]
    Connect(#[from] deadpool_postgres::PoolError),
    #[error("the database refused or lost a statement")]
    Statement(#[from] tokio_postgres::Error),
    #[error("column {column} holds '{value}', which this version does not know")]
    UnknownWord { column: &'static str, value: String },
}

impl DbError {
    /// Whether the server was not there, or ended the connection for reasons of its own: the same
    /// statement may work in a moment.
    pub fn is_away(&self) -> bool {
        match self {
            Self::Connect(_) => true,
            // No answer from the server means that there was none to ask. The classes are SQLSTATE's
            // connection exception, insufficient resources and operator intervention: a server that
            // stops, or another of its processes that crashed.
            Self::Statement(cause) => cause.as_db_error().is_none_or(|answer| {
                let class = &answer.code().code()[..2];
                matches!(class, "08" | "53" | "57")
            }),
            Self::UnknownWord { .. } => false,
        }
    }
}

/// A stored word that is none of an enum's.
#[derive(Debug, thiserror::Error)]
#[error("unknown word")]
pub struct UnknownWord;

/// Why the schema could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("cannot take the lock that lets one allocator migrate at a time")]
    Lock(#[source] tokio_postgres::Error),
    #[error("a migration failed; the database is as it was before that migration")]
    Migrate(#[source] Box<refinery::Error>),
}

/// The allocator's database: a cheap handle on a pool of connections.
#[derive(Clone)]
pub struct Db {
    pool: Pool,
}

/// How busy the pool of connections is.
#[derive(Clone, Copy, Debug)]
pub struct Connections {
    pub open: usize,
    pub idle: usize,
    pub most: usize,
}

/// How long a request waits for a connection before it is told to come again.
const PATIENCE: Duration = Duration::from_secs(3);

impl Db {
    /// A handle with at most `connections` connections, opened when first needed.
    pub fn new(server: &(impl Clone + Into<Server>), connections: usize) -> Self {
        let server: Server = server.clone().into();
        let mut config = server.config().clone();
        config
            .application_name("lablink")
            .connect_timeout(PATIENCE)
            .options("-c statement_timeout=15s -c idle_in_transaction_session_timeout=15s");
        let manager = Manager::from_config(
            config,
            server.tls(),
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        let pool = Pool::builder(manager)
            .max_size(connections)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts {
                wait: Some(PATIENCE),
                create: Some(PATIENCE),
                recycle: Some(PATIENCE),
            })
            .build()
            .expect("a runtime is set, which is all that a pool with timeouts needs");
        Self { pool }
    }

    pub async fn client(&self) -> Result<Object, DbError> {
        Ok(self.pool.get().await?)
    }

    /// Connections that are open, and those of them that nobody uses at the moment.
    pub fn connections(&self) -> Connections {
        let status = self.pool.status();
        Connections { open: status.size, idle: status.available, most: status.max_size }
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), DbError> {
        self.client().await?.simple_query("select 1").await?;
        Ok(())
    }
}

/// Any fixed number, as long as nobody else in this database uses it as a lock.
const MIGRATION_LOCK: i64 = 0x006c_6162_6c69_6e6b;

/// Brings the schema up to date. Safe when several allocators start at once: they take turns, and
/// who comes second finds nothing to do.
pub async fn migrate(server: &(impl Clone + Into<Server>)) -> Result<(), MigrateError> {
    let server: Server = server.clone().into();
    let (mut client, connection) = server.connect("lablink").await?;
    let connection = tokio::spawn(connection);
    client
        .execute("select pg_advisory_lock($1)", &[&MIGRATION_LOCK])
        .await
        .map_err(MigrateError::Lock)?;
    let outcome = migrations::migrations::runner().run_async(&mut client).await;
    // Closing the connection frees the lock, whatever happened.
    drop(client);
    let _closed = connection.await;
    outcome.map(|_report| ()).map_err(|error| MigrateError::Migrate(Box::new(error)))
}

/// Reads a text column as one of an enum's words.
pub(crate) fn word<T: FromStr>(row: &Row, column: &'static str) -> Result<T, DbError> {
    let value: String = row.try_get(column)?;
    value.parse().map_err(|_unknown| DbError::UnknownWord { column, value })
}

/// Like [`word`], for a column that may be null.
pub(crate) fn optional_word<T: FromStr>(
    row: &Row,
    column: &'static str,
) -> Result<Option<T>, DbError> {
    let value: Option<String> = row.try_get(column)?;
    value
        .map(|value| value.parse().map_err(|_unknown| DbError::UnknownWord { column, value }))
        .transpose()
}

/// The constraint that a statement ran into, if it did.
pub(crate) fn violated(error: &tokio_postgres::Error) -> Option<&str> {
    error.as_db_error()?.constraint()
}

/// Lets an operation's own error take a failed statement by `?`, as a [`DbError`] in its variant
/// `Db`.
macro_rules! takes_statement_errors {
    ($($error:ty),+) => {
        $(impl From<tokio_postgres::Error> for $error {
            fn from(error: tokio_postgres::Error) -> Self {
                Self::from($crate::DbError::from(error))
            }
        }

        impl $crate::db::HasDbError for $error {
            fn db_error(&self) -> Option<&$crate::DbError> {
                if let Self::Db(error) = self { Some(error) } else { None }
            }
        })+
    };
}

pub(crate) use takes_statement_errors;
