use super::{find_open, lock, serve, tell};
use crate::{
    Actor, Db, DbError, Email, Token,
    claims::{self, Reclaim},
    events::{self, Event},
    pools::PoolId,
    vms::StaleAfter,
};

/// What somebody who asks for a place in line gets.
#[derive(Debug)]
pub enum Joined {
    /// A place; the token opens its page.
    Place(Token),
    /// The caller has shown to hold a VM already; the token opens its claim's page.
    HoldsVm(Token),
}

/// Why there is no place for somebody.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// Somebody with this e-mail holds a VM, and the caller has not shown to be that person.
    #[error("This e-mail already has a VM.")]
    AlreadyClaimed,
    /// Likewise a place in line.
    #[error("This e-mail has a place in line already.")]
    AlreadyInLine,
    #[error("the place in line could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(JoinError);

/// Gives a person the last place in line, or their own again. `presented` is the token of the
/// caller's browser, if it has one.
pub async fn join(
    db: &Db,
    pool: PoolId,
    stale_after: StaleAfter,
    email: &Email,
    presented: Option<&Token>,
    reclaim: Reclaim,
) -> Result<Joined, JoinError> {
    let mut client = db.client().await?;
    let transaction = client.transaction().await?;
    lock(&transaction, pool).await?;
    // Places that lapsed are out of the way, also this person's own.
    serve(&transaction, pool, stale_after).await?;
    if let Some(claim_id) = claims::open_claim_of(&transaction, pool, email).await? {
        return match presented {
            Some(token) if claims::opens(&transaction, token.hash(), claim_id).await? => {
                Ok(Joined::HoldsVm(token.clone()))
            }
            _ => Err(JoinError::AlreadyClaimed),
        };
    }
    let token = match find_open(&transaction, pool, email).await? {
        None => {
            let token = Token::random();
            let sql = "insert into place (pool_id, email, token_sha256) values ($1, $2, $3)
                       returning id";
            let place = transaction
                .query_one(sql, &[&pool.as_i64(), &email.as_str(), &token.hash().as_bytes()])
                .await?;
            let place: i64 = place.try_get("id")?;
            let event = Event {
                data: serde_json::json!({ "place": place }),
                ..Event::new(&Actor::Anyone, "place.joined")
            };
            events::record(&transaction, pool, event).await?;
            serve(&transaction, pool, stale_after).await?;
            tell(&transaction, pool).await?;
            token
        }
        Some((_, own)) if presented.is_some_and(|token| token.hash().matches(&own)) => {
            presented.cloned().ok_or(JoinError::AlreadyInLine)?
        }
        // The newest browser has the place; pages that others left open end.
        Some((place, _)) if reclaim == Reclaim::Email => {
            let token = Token::random();
            let sql = "update place set token_sha256 = $2, last_looked_at = now() where id = $1";
            transaction.execute(sql, &[&place, &token.hash().as_bytes()]).await?;
            token
        }
        Some(_) => return Err(JoinError::AlreadyInLine),
    };
    transaction.commit().await?;
    Ok(Joined::Place(token))
}

/// Gives up a place, and what it was offered goes to the next. A place that is over stays so.
pub async fn leave(
    db: &Db,
    pool: PoolId,
    stale_after: StaleAfter,
    token: &Token,
) -> Result<(), DbError> {
    let mut client = db.client().await?;
    let transaction = client.transaction().await?;
    lock(&transaction, pool).await?;
    let sql = "update place set ended_at = now(), end_reason = 'left'
               where pool_id = $1 and token_sha256 = $2 and ended_at is null returning id";
    let left = transaction.query_opt(sql, &[&pool.as_i64(), &token.hash().as_bytes()]).await?;
    if let Some(place) = left {
        let event = Event {
            data: serde_json::json!({ "place": place.try_get::<_, i64>("id")? }),
            ..Event::new(&Actor::Anyone, "place.left")
        };
        events::record(&transaction, pool, event).await?;
        serve(&transaction, pool, stale_after).await?;
        tell(&transaction, pool).await?;
        transaction.commit().await?;
    }
    Ok(())
}
