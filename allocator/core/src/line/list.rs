use std::sync::LazyLock;

use jiff::Timestamp;
use lablink_protocol::Hostname;
use tokio_postgres::Row;

use super::{COUNTED, ORDER};
use crate::{Cursor, DbError, InvalidCursor, PageError, Scope, db, ids::PlaceId, rows::WAITING};

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

/// A page of the line.
#[derive(Clone, Debug)]
pub struct Places {
    pub places: Vec<Waiting>,
    /// Where the next page begins. None: there is none.
    pub next: Option<Cursor>,
}

/// At most `limit` places in line, in order: the first ones, or those after a place, which may be
/// gone by now.
pub async fn waiting(
    scope: &Scope,
    after: Option<&Cursor>,
    limit: u16,
) -> Result<Places, PageError> {
    let (comes_later, id) = after.map_or(Ok((false, 0)), mark)?;
    // One more tells whether there is another page. The planner has to know how many; and few limits
    // are few statements to keep.
    let most = (u32::from(limit) + 1).next_power_of_two();
    let sql = format!(
        "with page as (
             select *, invited_until is null as comes_later from place
             where pool_id = $1 and ended_at is null
               and ({ORDER}) > ($2::boolean, $3::bigint)
             order by {ORDER} limit {most}
         ), neighbours as (
             select address.origin, theirs.places
             from (select distinct origin from page where origin is not null) as address
             cross join lateral (
                 select count(*) as places from place
                 where place.pool_id = $1 and place.origin = address.origin
                   and place.ended_at is null) as theirs
         )
         select page.id, page.email, page.created_at, page.last_looked_at, page.comes_later,
                kept.hostname, neighbours.places as of_address
         from page left join neighbours on neighbours.origin = page.origin
         left join lateral (select hostname from vm where vm.place_id = page.id limit 1)
              as kept on true
         order by page.comes_later, page.id"
    );
    let client = scope.client().await?;
    let statement = client.prepare_cached(&sql).await?;
    let rows = client.query(&statement, &[&scope.pool.as_i64(), &comes_later, &id]).await?;
    let mut places = rows.iter().map(place).collect::<Result<Vec<_>, DbError>>()?;
    let is_last = places.len() <= usize::from(limit);
    places.truncate(limit.into());
    let next = places.last().filter(|_| !is_last).map(cursor);
    Ok(Places { places, next })
}

fn place(row: &Row) -> Result<Waiting, DbError> {
    Ok(Waiting {
        id: row.try_get("id")?,
        email: row.try_get("email")?,
        since: row.try_get("created_at")?,
        last_looked_at: row.try_get("last_looked_at")?,
        offered: db::optional_word(row, "hostname")?,
        of_address: row.try_get("of_address")?,
        is_invited: !row.try_get::<_, bool>("comes_later")?,
    })
}

/// The line has two parts: those with an invitation, and all others.
fn cursor(place: &Waiting) -> Cursor {
    Cursor { nth: (!place.is_invited).into(), mark: place.id.to_string() }
}

fn mark(cursor: &Cursor) -> Result<(bool, i64), InvalidCursor> {
    let comes_later = match cursor.nth {
        0 => false,
        1 => true,
        _ => return Err(InvalidCursor),
    };
    Ok((comes_later, cursor.mark.parse().map_err(|_no_number| InvalidCursor)?))
}

/// How many stand in line, with an offer or without, counted up to [`COUNTED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    pub places: i64,
    /// How many of them have a VM kept for them.
    pub kept: i64,
}

pub async fn length(scope: &Scope) -> Result<Length, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select count(*) as places, count(offered_at) as kept from (
                 select offered_at from place where pool_id = $1 and ended_at is null
                 order by {ORDER} limit {COUNTED}
             ) as counted"
        )
    });
    let client = scope.client().await?;
    let statement = client.prepare_cached(&SQL).await?;
    let row = client.query_one(&statement, &[&scope.pool.as_i64()]).await?;
    Ok(Length { places: row.try_get("places")?, kept: row.try_get("kept")? })
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
