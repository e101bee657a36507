use super::{lock, serve, tell};
use crate::{
    DbError, Scope,
    events::{self, Event},
    ids::PlaceId,
    scope::Sent,
};

/// Which places an organiser takes away.
#[derive(Clone, Copy, Debug)]
pub enum Removal {
    One(PlaceId),
    /// All that came from the address of this one; it alone where addresses are not counted.
    OfItsAddress(PlaceId),
    All,
}

/// Ends open places, whose pages say so, and what they were offered goes to the next. Answers how
/// many they were.
pub async fn remove(scope: &Scope, which: Removal) -> Result<i64, DbError> {
    let (condition, place) = match which {
        Removal::One(place) => ("id = $2", Some(place)),
        Removal::OfItsAddress(place) => (
            "(id = $2 or origin = (select origin from place where id = $2 and pool_id = $1))",
            Some(place),
        ),
        Removal::All => ("$2::bigint is null", None),
    };
    let sql = format!(
        "with removed as (
             update place set ended_at = now(), end_reason = 'left', removed_at = now()
             where pool_id = $1 and ended_at is null and {condition} returning id
         )
         select count(*) from removed"
    );
    crate::db::again!(async {
        let mut client = scope.db.client().await?;
        let transaction = client.transaction().await?;
        if let Sent::Again(before) = scope.sent(&transaction).await? {
            return Ok(before);
        }
        lock(&transaction, &scope.pool).await?;
        let removed: i64 =
            transaction.query_one(&sql, &[&scope.pool.as_i64(), &place]).await?.try_get(0)?;
        if removed > 0 {
            let data = serde_json::json!({ "places": removed });
            let event = Event { data, ..Event::new(&scope.actor, "place.removed") };
            events::record(&transaction, &scope.pool, event).await?;
            serve(&transaction, &scope.pool).await?;
            tell(&transaction, &scope.pool).await?;
            scope.keep(&transaction, &removed).await?;
            transaction.commit().await?;
        }
        Ok(removed)
    })
}
