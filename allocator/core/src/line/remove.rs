use super::{lock, serve};
use crate::{
    DbError, Scope,
    events::{Change, Kind},
    ids::PlaceId,
    scope::Sent,
};

/// Which places an organiser takes away.
#[derive(Clone, Copy, Debug)]
pub enum Removal {
    One(PlaceId),
    /// All places from the address of this one, or this one alone if addresses are not counted.
    OfItsAddress(PlaceId),
    All,
}

/// Ends open places; their pages say so. VMs that they were offered go to the next. Returns how
/// many places ended.
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
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(before) = scope.sent(&*change).await? {
            return Ok(before);
        }
        lock(&change).await?;
        let removed: i64 =
            change.query_one(&sql, &[&scope.pool.as_i64(), &place]).await?.try_get(0)?;
        if removed > 0 {
            let data = serde_json::json!({ "places": removed });
            change.event(Kind::PlaceRemoved).with(data);
            serve(&mut change).await?;
            scope.keep(&*change, &removed).await?;
            change.commit().await?;
        }
        Ok(removed)
    })
}
