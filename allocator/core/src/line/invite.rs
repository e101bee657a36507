use super::{INVITED_FOR, lock};
use crate::{
    DbError, Email, Token,
    events::{Change, Kind},
    ids::PlaceId,
};
use tokio_postgres::types::ToSql;

/// Gives a person the first place in line, in the organiser's transaction that ends what they had.
/// The token opens it. The place is kept for [`INVITED_FOR`], even if nobody looks at it.
pub(crate) async fn invite(
    change: &mut Change<'_>,
    email: &Email,
    token: &Token,
) -> Result<(), DbError> {
    let pool = change.pool();
    lock(change).await?;
    let sql = "update place set ended_at = now(), end_reason = 'left'
               where pool_id = $1 and (person = $2 or email = $3) and ended_at is null";
    change.execute(sql, &[&pool.as_i64(), &email.key(), &email.spelling()]).await?;
    let sql = "insert into place (pool_id, email, person, token_sha256, invited_until)
               values ($1, $2, $3, $4, now() + make_interval(secs => $5)) returning id";
    let (hash, kept_for) = (token.hash(), INVITED_FOR.as_secs_f64());
    let place: [&(dyn ToSql + Sync); 5] =
        [&pool.as_i64(), &email.spelling(), &email.key(), &hash.as_bytes(), &kept_for];
    let place: PlaceId = change.query_one(sql, &place).await?.try_get("id")?;
    let data = serde_json::json!({ "place": place });
    change.event(Kind::PlaceInvited).with(data);
    Ok(())
}
