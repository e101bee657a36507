use crate::config::{
    Secret,
    section::Section,
    syntax::{non_empty, port, sql_identifier, text},
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
    /// Accepted for the sake of older files, without effect.
    pub table_name: Option<String>,
    /// Accepted for the sake of older files, without effect.
    pub message_channel: Option<String>,
}

impl Database {
    pub const DEFAULT_PASSWORD: &str = "lablink";

    pub(in crate::config) fn read(db: &mut Section<'_>) -> Self {
        Self {
            dbname: db.value("dbname", sql_identifier).unwrap_or_else(|| "lablink_db".into()),
            user: db.value("user", sql_identifier).unwrap_or_else(|| "lablink".into()),
            password: Secret::new(
                db.value("password", text).unwrap_or_else(|| Self::DEFAULT_PASSWORD.into()),
            ),
            host: db.value("host", non_empty).unwrap_or_else(|| "localhost".into()),
            port: db.value("port", port).unwrap_or(5432),
            table_name: db.value("table_name", sql_identifier),
            message_channel: db.value("message_channel", sql_identifier),
        }
    }
}
