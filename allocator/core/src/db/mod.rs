//! Access to Postgres: the server with its TLS, and one pool of connections.

mod address;
mod again;
mod away;
mod cleaned;
mod connector;
mod dial;
pub(crate) mod like;
pub(crate) mod limits;
mod now;
mod pool;
mod server;
mod session;
mod sessions;
mod tls;
mod together;
mod verifier;
mod wire;

use std::{str::FromStr, time::Duration};

use deadpool_postgres::Pool;
use tokio_postgres::Row;

pub use address::AddressError;
pub(crate) use again::{HasDbError, again, pause};
pub use server::{ConnectError, Server};
pub use session::{Client, GenericClient, Transaction};
pub use sessions::Sessions;
pub use tls::{Authorities, SslMode, Tls, TlsError};
pub(crate) use together::{Question, Together};

/// Why something could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    #[error("no database connection could be had")]
    Connect(#[from] deadpool_postgres::PoolError),
    #[error("the database refused or lost a statement")]
    Statement(#[source] tokio_postgres::Error),
    #[error("the database has said nothing for {} s", .0.as_secs())]
    Silent(Duration),
    #[error("column {column} holds '{value}', which this version does not know")]
    UnknownWord { column: &'static str, value: String },
    /// Nothing of it was stored: an agent reports more changes than are kept of one VM.
    #[error("This VM has reported too many changes lately. Report again in some minutes.")]
    TooManyReports,
    /// The caller's fault, told here since every write may meet it: see [`crate::scope`].
    #[error("This key was sent before, with another wish.")]
    KeyReused,
}

impl From<tokio_postgres::Error> for DbError {
    fn from(error: tokio_postgres::Error) -> Self {
        match violated(&error) {
            // Tokens that are made of a key meet another only if the key was sent before, and what
            // came of it was forgotten.
            Some("claim_link_pkey" | "place_token_sha256_key") => Self::KeyReused,
            _ => Self::Statement(error),
        }
    }
}

impl DbError {
    /// Whether the server was not there, or ended the connection for reasons of its own: the same
    /// statement may work in a moment.
    pub fn is_away(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Silent(_) => true,
            Self::Statement(cause) => away::is_away(cause),
            Self::UnknownWord { .. } | Self::TooManyReports | Self::KeyReused => false,
        }
    }

    /// Whether another transaction was in the way: the same one may work at once.
    pub fn is_contended(&self) -> bool {
        matches!(self, Self::Statement(cause) if away::is_contended(cause))
    }
}

/// A stored word that is none of an enum's.
#[derive(Debug, thiserror::Error)]
#[error("unknown word")]
pub struct UnknownWord;

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

impl Db {
    /// A handle with at most `connections` connections, opened when first needed.
    pub fn new(server: &(impl Clone + Into<Server>), connections: usize) -> Self {
        Self { pool: pool::new(server.clone().into(), connections) }
    }

    /// A connection, for as long as it is held. It cleans everything that is written: see
    /// [`Client`].
    pub async fn client(&self) -> Result<Client, DbError> {
        Ok(Client::new(self.pool.get().await?))
    }

    /// How many connections are open, and how many of them are idle.
    pub fn connections(&self) -> Connections {
        let status = self.pool.status();
        Connections { open: status.size, idle: status.available, most: status.max_size }
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), DbError> {
        let asking = async {
            self.client().await?.batch_execute("select 1").await?;
            Ok(())
        };
        let answer = tokio::time::timeout(limits::READY, asking).await;
        answer.unwrap_or(Err(DbError::Silent(limits::READY)))
    }
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

/// The constraint that a statement violated, if any.
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
