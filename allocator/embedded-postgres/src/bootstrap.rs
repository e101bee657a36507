use postgres_protocol::{
    escape::{escape_identifier, escape_literal},
    password::scram_sha_256,
};
use tokio_postgres::Client;

use crate::{
    EmbeddedPostgresError, Result,
    settings::{Password, Settings},
};

/// Makes the role and its database, or adjusts them, as the superuser.
pub(super) async fn bootstrap(superuser: &Client, settings: &Settings) -> Result<()> {
    let role = escape_identifier(&settings.user);
    let dbname = escape_identifier(&settings.dbname);
    let failed = EmbeddedPostgresError::sql;

    let has_role = superuser
        .query_opt("SELECT 1 FROM pg_roles WHERE rolname = $1", &[&settings.user])
        .await
        .map_err(failed("look for the role"))?;
    if has_role.is_none() {
        let create = format!("CREATE ROLE {role}");
        superuser.batch_execute(&create).await.map_err(failed("create the role"))?;
    }
    let alter = format!("ALTER ROLE {role} LOGIN{}", password_clause(settings.password.as_ref()));
    superuser.batch_execute(&alter).await.map_err(failed("set up the role"))?;

    let owner = superuser
        .query_opt(
            "SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = $1",
            &[&settings.dbname],
        )
        .await
        .map_err(failed("look for the database"))?;
    let own = match owner.map(|row| row.get::<_, String>(0)) {
        None => format!("CREATE DATABASE {dbname} OWNER {role}"),
        Some(owner) if owner != settings.user => format!("ALTER DATABASE {dbname} OWNER TO {role}"),
        Some(_) => return Ok(()),
    };
    superuser.batch_execute(&own).await.map_err(failed("create the database"))
}

/// The server gets the password's SCRAM verifier: a statement that fails is quoted in its log.
fn password_clause(password: Option<&Password>) -> String {
    let Some(password) = password else { return String::new() };
    let verifier = scram_sha_256(password.reveal().as_bytes());
    format!(" PASSWORD {}", escape_literal(&verifier))
}
