use tokio_postgres::types::ToSql;

use crate::{DbError, Email, TokenHash, db::GenericClient, ids::PlaceId, pools::Pool};

/// Places that wait for a VM, for `where` in statements that name the table `place`.
pub(crate) const WAITING: &str = "place.ended_at is null and place.offered_at is null \
    and (place.passed_at is null or place.last_looked_at > place.passed_at) \
    and (place.last_looked_at > now() - interval '180 seconds' or place.invited_until > now())";

/// Whether an organiser has made this person's place.
pub(crate) async fn is_invited(
    client: &impl GenericClient,
    pool: &Pool,
    email: &Email,
) -> Result<bool, DbError> {
    let sql = "select exists (select from place where pool_id = $1 and person = $2
                   and ended_at is null and invited_until is not null)";
    Ok(client.query_one(sql, &[&pool.as_i64(), &email.key()]).await?.try_get(0)?)
}

/// The open place of a person, with its token's hash.
pub(crate) async fn find_open(
    client: &impl GenericClient,
    pool: &Pool,
    email: &Email,
) -> Result<Option<(PlaceId, TokenHash)>, DbError> {
    let sql = "select id, token_sha256 from place
               where pool_id = $1 and ended_at is null
                 and (person = $2 or (person is null and email = $3))
               order by person limit 1";
    let key: [&(dyn ToSql + Sync); 3] = [&pool.as_i64(), &email.key(), &email.spelling()];
    let row = client.query_opt(sql, &key).await?;
    row.map(|row| {
        let id = row.try_get("id")?;
        let bytes: &[u8] = row.try_get("token_sha256")?;
        let hash = TokenHash::stored(bytes).ok_or(DbError::UnknownWord {
            column: "token_sha256",
            value: "(not shown)".to_owned(),
        })?;
        Ok((id, hash))
    })
    .transpose()
}
