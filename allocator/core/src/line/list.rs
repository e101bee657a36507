use super::{COUNTED, ORDER};
use crate::{DbError, Scope, db, ids::PlaceId, rows::WAITING};
use std::sync::LazyLock;

use jiff::Timestamp;
use lablink_protocol::Hostname;

/// A place in line, as the organiser sees it.
#[derive(Clone, Debug)]
pub struct Waiting {
    pub id: PlaceId,
    pub email: String,
    pub since: Timestamp,
    pub last_looked_at: Timestamp,
    /// The VM that is kept for it.
    pub offered: Option<Hostname>,
    /// How many places of the same address there are, this one included; none: addresses are not
    /// counted.
    pub of_address: Option<i64>,
    /// An organiser made it, and it is served first.
    pub is_invited: bool,
}

/// The first `limit` places in line, in order.
pub async fn waiting(scope: &Scope, limit: i64) -> Result<Vec<Waiting>, DbError> {
    let sql = format!(
        "select place.id, place.email, place.created_at, place.last_looked_at, vm.hostname,
                place.invited_until is not null as is_invited,
                case when place.origin is not null then (
                    select count(*) from place as neighbour
                    where neighbour.pool_id = $1 and neighbour.origin = place.origin
                      and neighbour.ended_at is null) end as of_address
         from place left join vm on vm.place_id = place.id
         where place.pool_id = $1 and place.ended_at is null order by {ORDER} limit $2"
    );
    let rows = scope.client().await?.query(&sql, &[&scope.pool.as_i64(), &limit]).await?;
    rows.iter()
        .map(|row| {
            Ok(Waiting {
                id: row.try_get("id")?,
                email: row.try_get("email")?,
                since: row.try_get("created_at")?,
                last_looked_at: row.try_get("last_looked_at")?,
                offered: db::optional_word(row, "hostname")?,
                of_address: row.try_get("of_address")?,
                is_invited: row.try_get("is_invited")?,
            })
        })
        .collect()
}

/// The address from which most of the last places come, if it is more than one person's.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    /// One of them.
    pub place: PlaceId,
    pub places: i64,
}

/// The least number of places from one address that the page mentions.
const MANY: i64 = 5;

pub async fn crowd(scope: &Scope) -> Result<Option<Crowd>, DbError> {
    // A crowd comes last, so the end of a long line shows it.
    let sql = "with last as (
                   select id, origin from place where pool_id = $1 and ended_at is null
                   order by id desc limit 200
               ), crowd as (
                   select min(id) as place, origin from last where origin is not null
                   group by origin order by count(*) desc, place limit 1
               )
               select place, places from crowd cross join lateral (
                   select count(*) as places from place
                   where place.pool_id = $1 and place.origin = crowd.origin and ended_at is null
               ) as all_of_it
               where places >= $2";
    let row = scope.client().await?.query_opt(sql, &[&scope.pool.as_i64(), &MANY]).await?;
    row.map(|row| Ok(Crowd { place: row.try_get("place")?, places: row.try_get("places")? }))
        .transpose()
}

/// How many wait without an offer; counted up to [`COUNTED`].
pub async fn count(scope: &Scope) -> Result<i64, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select count(*) from (
                 select from place where pool_id = $1 and {WAITING} order by {ORDER} limit $2
             ) as counted"
        )
    });
    let client = scope.client().await?;
    let statement = client.prepare_cached(&SQL).await?;
    let row = client.query_one(&statement, &[&scope.pool.as_i64(), &COUNTED]).await?;
    Ok(row.try_get(0)?)
}
