use super::{INVITED_FOR, lock, tell};
use crate::{
    Actor, DbError, Email, Token,
    db::GenericClient,
    events::{self, Event},
    ids::PlaceId,
    pools::Pool,
};
use tokio_postgres::types::ToSql;

/// Gives a person the first place in line, in the organiser's transaction that ends what they had.
/// The token opens it; it is kept for [`INVITED_FOR`], looked at or not.
pub(crate) async fn invite(
    client: &impl GenericClient,
    pool: &Pool,
    actor: &Actor,
    email: &Email,
    token: &Token,
) -> Result<(), DbError> {
    lock(client, pool).await?;
    let sql = "update place set ended_at = now(), end_reason = 'left'
               where pool_id = $1 and (person = $2 or email = $3) and ended_at is null";
    client.execute(sql, &[&pool.as_i64(), &email.key(), &email.spelling()]).await?;
    let sql = "insert into place (pool_id, email, person, token_sha256, invited_until)
               values ($1, $2, $3, $4, now() + make_interval(secs => $5)) returning id";
    let (hash, kept_for) = (token.hash(), INVITED_FOR.as_secs_f64());
    let place: [&(dyn ToSql + Sync); 5] =
        [&pool.as_i64(), &email.spelling(), &email.key(), &hash.as_bytes(), &kept_for];
    let place: PlaceId = client.query_one(sql, &place).await?.try_get("id")?;
    let data = serde_json::json!({ "place": place });
    events::record(client, pool, Event { data, ..Event::new(actor, "place.invited") }).await?;
    tell(client, pool).await?;
    Ok(())
}

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
