use crate::db::GenericClient;
use tokio_postgres::types::ToSql;

use super::{find_open, lock, serve, tell};
use crate::{
    Actor, Db, DbError, Email, Neighbours, Token,
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
    /// As many people of this address wait as may.
    #[error("As many people at your network address wait or have a machine as may.")]
    AddressFull,
    #[error("the place in line could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(JoinError);

/// What the caller's browser sent along: either is a way back to what it got before.
#[derive(Default)]
pub struct Presented {
    /// The token of its cookie.
    pub token: Option<Token>,
    /// The form's own secret: the same form again, as after a double click or an answer that was
    /// lost, is the same place.
    pub form: Option<FormKey>,
}

/// 256 random bits that a form carries, as a [`Token`] is written.
pub struct FormKey(Token);

impl FormKey {
    pub fn random() -> Self {
        Self(Token::random())
    }

    /// None: the text is no such key, and would be easy to guess.
    pub fn presented(text: &str) -> Option<Self> {
        Token::is_well_formed(text).then(|| Self(Token::presented(text)))
    }

    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }

    /// The token of the `nr`-th place that was taken with this form. A place stores only its token's
    /// hash, so that one who comes again could not be told it otherwise.
    fn token(&self, nr: u8) -> Token {
        self.0.derived(&format!("place {nr}"))
    }
}

/// Who asks for a place, and whose address they share.
#[derive(Clone, Copy)]
pub struct Person<'a> {
    pub email: &'a Email,
    pub neighbours: &'a Neighbours,
}

/// So many places are taken with one form: its page stays open, and places lapse.
const PLACES_OF_A_FORM: u8 = 8;

/// Gives a person the last place in line, or their own again.
pub async fn join(
    db: &Db,
    pool: PoolId,
    stale_after: StaleAfter,
    person: Person<'_>,
    presented: Presented,
    reclaim: Reclaim,
) -> Result<Joined, JoinError> {
    let Person { email, neighbours } = person;
    crate::db::again!(async {
        let mut client = db.client().await?;
        let transaction = client.transaction().await?;
        let origin = neighbours.origin(&transaction, pool).await?;
        if let Some(origin) = origin.as_ref().filter(|_| neighbours.most_claims().is_some()) {
            Neighbours::take_turns(&transaction, origin).await?;
        }
        lock(&transaction, pool).await?;
        // Places that lapsed are out of the way, also this person's own.
        serve(&transaction, pool, stale_after).await?;
        let of_form = presented.form.as_ref();
        let of_form = of_form.map(|form| (0..PLACES_OF_A_FORM).map(|nr| form.token(nr)));
        let mut tokens: Vec<Token> =
            presented.token.clone().into_iter().chain(of_form.into_iter().flatten()).collect();
        if let Some(claim_id) = claims::open_claim_of(&transaction, pool, email).await? {
            for token in tokens {
                if claims::opens(&transaction, token.hash(), claim_id).await? {
                    return Ok(Joined::HoldsVm(token));
                }
            }
            return Err(JoinError::AlreadyClaimed);
        }
        let place = match find_open(&transaction, pool, email).await? {
            None => {
                if let Some(origin) = &origin
                    && !neighbours.have_room_in_line(&transaction, pool, origin).await?
                {
                    return Err(JoinError::AddressFull);
                }
                let token = unused(&transaction, presented.form.as_ref()).await?;
                let sql = "insert into place (pool_id, email, person, token_sha256, origin)
                           values ($1, $2, $3, $4, $5) returning id";
                let hash = token.hash();
                let place: [&(dyn ToSql + Sync); 5] =
                    [&pool.as_i64(), &email.spelling(), &email.key(), &hash.as_bytes(), &origin];
                let place: i64 = transaction.query_one(sql, &place).await?.try_get("id")?;
                let event = Event {
                    data: serde_json::json!({ "place": place }),
                    ..Event::new(&Actor::Anyone, "place.joined")
                };
                events::record(&transaction, pool, event).await?;
                serve(&transaction, pool, stale_after).await?;
                tell(&transaction, pool).await?;
                token
            }
            Some((place, own)) => {
                match tokens.iter().position(|token| token.hash().matches(&own)) {
                    Some(shown) => tokens.swap_remove(shown),
                    // The newest browser has the place; pages that others left open end.
                    None if reclaim == Reclaim::Email
                        && !super::is_invited(&transaction, pool, email).await? =>
                    {
                        let token = Token::random();
                        let sql = "update place set token_sha256 = $2, last_looked_at = now() where id = $1";
                        transaction.execute(sql, &[&place, &token.hash().as_bytes()]).await?;
                        token
                    }
                    None => return Err(JoinError::AlreadyInLine),
                }
            }
        };
        transaction.commit().await?;
        Ok(Joined::Place(place))
    })
}

/// A token for a new place: the form's next one, so that the same form finds it again.
async fn unused(client: &impl GenericClient, form: Option<&FormKey>) -> Result<Token, DbError> {
    let Some(form) = form else { return Ok(Token::random()) };
    let sql = "select exists (select from place where token_sha256 = $1)
                   or exists (select from claim_link where token_sha256 = $1)";
    for nr in 0..PLACES_OF_A_FORM {
        let token = form.token(nr);
        let used = client.query_one(sql, &[&token.hash().as_bytes()]).await?;
        if !used.try_get::<_, bool>(0)? {
            return Ok(token);
        }
    }
    Ok(Token::random())
}

/// Gives up a place, and what it was offered goes to the next. A place that is over stays so.
pub async fn leave(
    db: &Db,
    pool: PoolId,
    stale_after: StaleAfter,
    token: &Token,
) -> Result<(), DbError> {
    crate::db::again!(async {
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
    })
}
