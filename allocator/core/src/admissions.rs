//! Remembers browsers that once gave a shared secret, by a random token that the browser keeps.

use crate::{AccessCode, Db, DbError, Token};

/// The secret that a browser gave.
#[derive(Clone, Copy)]
pub enum Known<'a> {
    /// This one: with another code it counts no more.
    AccessCode(&'a AccessCode),
    /// The admin's password at that time.
    AdminPassword,
}

impl Known<'_> {
    /// Neither the token nor the secret can be told from it.
    fn proof(self, browser: &Token) -> Token {
        match self {
            Self::AccessCode(code) => browser.derived(&code.purpose()),
            Self::AdminPassword => browser.derived("admin password"),
        }
    }
}

/// Remembers that this browser gave the secret, for 30 days from its last time.
pub async fn record(db: &Db, browser: &Token, known: Known<'_>) -> Result<(), DbError> {
    // Leaves rows that another call has locked to that call.
    let sql = "with old as (
                   select proof_sha256 from admission
                   where last_at < now() - interval '30 days' and proof_sha256 <> $1
                   order by proof_sha256 limit 100 for update skip locked
               ), forgotten as (
                   delete from admission using old
                   where admission.proof_sha256 = old.proof_sha256
               )
               insert into admission (proof_sha256) values ($1)
               on conflict (proof_sha256) do update set last_at = now()";
    let proof = known.proof(browser).hash();
    crate::db::again!(async {
        let client = db.client().await?;
        client.execute(sql, &[&proof.as_bytes()]).await?;
        Ok::<(), DbError>(())
    })
}

/// Whether this browser gave the secret in the last 30 days.
pub async fn has(db: &Db, browser: &Token, known: Known<'_>) -> Result<bool, DbError> {
    let sql = "select 1 from admission
               where proof_sha256 = $1 and last_at > now() - interval '30 days'";
    let proof = known.proof(browser).hash();
    let client = db.client().await?;
    Ok(client.query_opt(sql, &[&proof.as_bytes()]).await?.is_some())
}
