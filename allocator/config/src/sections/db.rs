use lablink_core::db::{SslMode, Tls, TlsError};

use crate::{
    Secret,
    section::Section,
    syntax::{Parsed, non_empty, one_of, port, sql_identifier, text},
};

/// `db`: the Postgres server to use, when `DATABASE_URL` names none.
///
/// A file without this section asks for the embedded Postgres; one with it gives the embedded
/// Postgres its names and its password when that is asked for by flag.
#[derive(Clone, Debug)]
pub struct Database {
    /// Default `lablink_db`.
    pub dbname: String,
    /// Default `lablink`.
    pub user: String,
    /// Default [`Database::DEFAULT_PASSWORD`], which is refused outside `dev`; `DB_PASSWORD`
    /// overrides it.
    pub password: Secret,
    /// Host name or address; default `localhost`.
    pub host: String,
    /// Default 5432.
    pub port: u16,
    /// `disable`, `prefer`, `require`, `verify-ca` or `verify-full`; default `prefer`.
    pub sslmode: SslMode,
    /// PEM file of the authorities that `verify-…` takes, or `system`; default none.
    pub sslrootcert: Option<String>,
    /// What a deployment on AWS makes: `embedded` or `rds`; default `embedded`. The service itself
    /// reads the keys above.
    pub kind: DatabaseKind,
    /// Accepted for the sake of older files, without effect.
    pub table_name: Option<String>,
    /// Accepted for the sake of older files, without effect.
    pub message_channel: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseKind {
    /// On the allocator's host, the allocator's own.
    Embedded,
    /// Amazon RDS, which several allocators can share.
    Rds,
}

impl DatabaseKind {
    fn parse(text: &str) -> Parsed<Self> {
        one_of(&[("embedded", Self::Embedded), ("rds", Self::Rds)], text)
    }
}

fn sslmode(text: &str) -> Parsed<SslMode> {
    let modes = [
        SslMode::Disable,
        SslMode::Prefer,
        SslMode::Require,
        SslMode::VerifyCa,
        SslMode::VerifyFull,
    ];
    one_of(&modes.map(|mode| (mode.as_str(), mode)), text)
}

impl Database {
    pub const DEFAULT_PASSWORD: &str = "lablink";

    pub(crate) fn read(db: &mut Section<'_>) -> Self {
        Self {
            dbname: db.value("dbname", sql_identifier).unwrap_or_else(|| "lablink_db".into()),
            user: db.value("user", sql_identifier).unwrap_or_else(|| "lablink".into()),
            password: Secret::new(
                db.value("password", text).unwrap_or_else(|| Self::DEFAULT_PASSWORD.into()),
            ),
            host: db.value("host", non_empty).unwrap_or_else(|| "localhost".into()),
            port: db.value("port", port).unwrap_or(5432),
            sslmode: db.value("sslmode", sslmode).unwrap_or(SslMode::Prefer),
            sslrootcert: db.value("sslrootcert", non_empty),
            kind: db.value("kind", DatabaseKind::parse).unwrap_or(DatabaseKind::Embedded),
            table_name: db.value("table_name", sql_identifier),
            message_channel: db.value("message_channel", sql_identifier),
        }
    }
    /// How the connection is protected; an error where the two keys do not fit together.
    pub fn tls(&self) -> Result<Tls, TlsError> {
        Tls::new(self.sslmode, self.sslrootcert.as_deref())
    }
}
