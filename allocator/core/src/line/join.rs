use tokio_postgres::types::ToSql;

use super::{lock, serve};
use crate::{
    Actor, DbError, Email, Neighbours, Scope, Token, claims,
    events::{Change, Kind},
    ids::PlaceId,
    pools::Reclaim,
    rows::{find_open, is_invited},
    scope::{Key, Once, Sent},
};

/// The answer to a request for a place in line.
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
    /// Somebody with this e-mail has a place in line, and the caller has not shown to be that
    /// person.
    #[error("This e-mail has a place in line already.")]
    AlreadyInLine,
    /// The people at this address have as many places as they may.
    #[error("As many people at your network address wait or have a machine as may.")]
    AddressFull,
    #[error("the place in line could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(JoinError);

/// What the caller's browser sent along. Each leads back to what it got before.
#[derive(Default)]
pub struct Presented {
    /// The token of its cookie.
    pub token: Option<Token>,
    /// With the same key, the same e-mail asks for the same place, as after a double click or an
    /// answer that was lost.
    pub key: Option<Key>,
}

/// The person who asks for a place, and their address.
#[derive(Clone, Copy)]
pub struct Person<'a> {
    pub email: &'a Email,
    pub neighbours: &'a Neighbours,
}

/// The purpose of a place's token.
const PLACE: &str = "place";

/// Gives a person the last place in line, or their own again.
pub async fn join(
    scope: &Scope,
    person: Person<'_>,
    presented: Presented,
) -> Result<Joined, JoinError> {
    let Person { email, neighbours } = person;
    crate::db::again!(async {
        let Presented { token: cookie, key } = &presented;
        let once = key.clone().map(|key| Once::new(key, format!("place of {}", email.key())));
        let scope = &scope.by(Actor::Anyone).once(once);
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(()) = scope.sent(&*change).await? {
            return Ok(Joined::Place(scope.token(PLACE)));
        }
        let origin = neighbours.origin(&*change, &scope.pool).await?;
        let rules = scope.pool.rules();
        let claiming = &rules.claiming;
        if let Some(origin) = origin.as_ref().filter(|_| claiming.per_address.claims.is_some()) {
            Neighbours::take_turns(&*change, origin).await?;
        }
        lock(&change).await?;
        // First ends places that lapsed, this person's own included.
        serve(&mut change).await?;
        if let Some(claim_id) = claims::open_claim_of(&*change, &scope.pool, email).await? {
            return match cookie {
                Some(token) if claims::opens(&*change, token.hash(), claim_id).await? => {
                    Ok(Joined::HoldsVm(token.clone()))
                }
                _ => Err(JoinError::AlreadyClaimed),
            };
        }
        let place = match find_open(&*change, &scope.pool, email).await? {
            None => {
                if let Some(origin) = &origin
                    && !Neighbours::have_room_in_line(&*change, &scope.pool, origin).await?
                {
                    return Err(JoinError::AddressFull);
                }
                let token = scope.token(PLACE);
                let sql = "insert into place (pool_id, email, person, token_sha256, origin)
                           values ($1, $2, $3, $4, $5) returning id";
                let hash = token.hash();
                let place: [&(dyn ToSql + Sync); 5] = [
                    &scope.pool.as_i64(),
                    &email.spelling(),
                    &email.key(),
                    &hash.as_bytes(),
                    &origin,
                ];
                let place: PlaceId = change.query_one(sql, &place).await?.try_get("id")?;
                change.event(Kind::PlaceJoined).with(serde_json::json!({ "place": place }));
                serve(&mut change).await?;
                scope.keep(&*change, &()).await?;
                token
            }
            Some((place, own)) => match cookie {
                Some(token) if token.hash().matches(&own) => {
                    return Ok(Joined::Place(token.clone()));
                }
                // The newest browser has the place; pages that others left open end.
                _ if claiming.reclaim == Reclaim::Email
                    && !is_invited(&*change, &scope.pool, email).await? =>
                {
                    let token = scope.token(PLACE);
                    let sql =
                        "update place set token_sha256 = $2, last_looked_at = now() where id = $1";
                    change.execute(sql, &[&place, &token.hash().as_bytes()]).await?;
                    scope.keep(&*change, &()).await?;
                    token
                }
                _ => return Err(JoinError::AlreadyInLine),
            },
        };
        change.commit().await?;
        Ok(Joined::Place(place))
    })
}

/// Gives up a place. A VM that it was offered goes to the next. Changes nothing if the place is
/// over.
pub async fn leave(scope: &Scope, token: &Token) -> Result<(), DbError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        lock(&change).await?;
        let sql = "update place set ended_at = now(), end_reason = 'left'
                   where pool_id = $1 and token_sha256 = $2 and ended_at is null returning id";
        let left = change.query_opt(sql, &[&scope.pool.as_i64(), &token.hash().as_bytes()]).await?;
        if let Some(place) = left {
            change
                .event(Kind::PlaceLeft)
                .with(serde_json::json!({ "place": place.try_get::<_, PlaceId>("id")? }))
                .by(Actor::Anyone);
            serve(&mut change).await?;
            change.commit().await?;
        }
        Ok(())
    })
}
