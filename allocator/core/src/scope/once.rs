use serde::{Serialize, de::DeserializeOwned};
use tokio_postgres::Row;

use super::{Once, Scope};
use crate::{DbError, Token, db::GenericClient};

/// Whether a wish was sent before.
pub(crate) enum Sent<T> {
    /// No: the caller begins it now.
    First,
    /// Yes, with this outcome.
    Again(T),
}

impl Scope {
    /// Whether the wish was sent before; the first statement of a transaction that begins
    /// something. Two transactions with the same wish wait for each other here.
    pub(crate) async fn sent<T: DeserializeOwned>(
        &self,
        client: &impl GenericClient,
    ) -> Result<Sent<T>, DbError> {
        let Some(once) = &self.once else { return Ok(Sent::First) };
        let sql = "insert into begun (pool_id, key_sha256, wish_sha256) values ($1, $2, $3)
                   on conflict do nothing";
        let (pool, key, wish) = (self.pool.as_i64(), once.key_hash(&self.actor), once.wish_hash());
        let new = client.execute(sql, &[&pool, &key.as_bytes(), &wish.as_slice()]).await?;
        if new == 1 {
            return Ok(Sent::First);
        }
        // Not there: it was just dropped as too old.
        Ok(self.before(client).await?.map_or(Sent::First, Sent::Again))
    }

    /// The outcome of the same wish, if it was sent before and has ended.
    pub(crate) async fn before<T: DeserializeOwned>(
        &self,
        client: &impl GenericClient,
    ) -> Result<Option<T>, DbError> {
        let Some(once) = &self.once else { return Ok(None) };
        let sql = "select wish_sha256, outcome from begun where pool_id = $1 and key_sha256 = $2";
        let key = once.key_hash(&self.actor);
        let row = client.query_opt(sql, &[&self.pool.as_i64(), &key.as_bytes()]).await?;
        row.map(|row| outcome(&row, once)).transpose()
    }

    /// Writes the outcome; the last statement before the commit.
    pub(crate) async fn keep(
        &self,
        client: &impl GenericClient,
        outcome: &impl Serialize,
    ) -> Result<(), DbError> {
        let Some(once) = &self.once else { return Ok(()) };
        let sql = "update begun set outcome = $3 where pool_id = $1 and key_sha256 = $2";
        let (key, outcome) = (once.key_hash(&self.actor), serde_json::json!(outcome));
        client.execute(sql, &[&self.pool.as_i64(), &key.as_bytes(), &outcome]).await?;
        Ok(())
    }

    /// A token for something new: the same one for the same wish.
    pub(crate) fn token(&self, purpose: &str) -> Token {
        self.once.as_ref().map_or_else(Token::random, |once| once.key().token(purpose))
    }

    /// The scope for a step of the wish, which has an outcome of its own.
    pub(crate) fn step(&self, name: &str) -> Self {
        let once = self.once.as_ref().map(|once| once.step(name));
        Self { once, ..self.clone() }
    }
}

fn outcome<T: DeserializeOwned>(row: &Row, once: &Once) -> Result<T, DbError> {
    if row.try_get::<_, &[u8]>("wish_sha256")? != once.wish_hash() {
        return Err(DbError::KeyReused);
    }
    let outcome: Option<serde_json::Value> = row.try_get("outcome")?;
    let outcome = outcome.unwrap_or_default();
    serde_json::from_value(outcome.clone())
        .map_err(|_other| DbError::UnknownWord { column: "outcome", value: outcome.to_string() })
}
