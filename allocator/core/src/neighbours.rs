//! The people at one address, and how many of them may hold a machine or a place in line at once.
//!
//! The database holds only a digest of the address, keyed by the pool, and only while the claim or
//! the place is open ([`forget_ended`]). Somebody who has the whole database has the key, and could
//! try every IPv4 address; logs, exports and history hold nothing.

use std::net::IpAddr;

use crate::{
    DbError, Email,
    db::GenericClient,
    network,
    pools::{FEWEST, PlacesPerAddress, Pool},
};

/// The people at somebody's address.
#[derive(Clone, Debug)]
pub struct Neighbours {
    network: String,
}

/// The digest of an address, as it is stored.
pub(crate) type Origin = Vec<u8>;

impl Neighbours {
    pub fn of(address: IpAddr) -> Self {
        Self { network: network(address).to_string() }
    }

    /// The digest for a place in line. None if places are not counted.
    pub(crate) async fn origin(
        &self,
        client: &impl GenericClient,
        pool: &Pool,
    ) -> Result<Option<Origin>, DbError> {
        let limits = pool.rules().claiming.per_address;
        if limits.places == PlacesPerAddress::Any && limits.claims.is_none() {
            return Ok(None);
        }
        let sql =
            "select sha256(origin_key || convert_to($2::text, 'UTF8')) from pool where id = $1";
        let row = client.query_one(sql, &[&pool.as_i64(), &self.network]).await?;
        Ok(Some(row.try_get(0)?))
    }

    /// Makes people of one address take turns, in all allocators, until the transaction ends. Take
    /// this lock before every other.
    pub(crate) async fn take_turns(
        client: &impl GenericClient,
        origin: &Origin,
    ) -> Result<(), DbError> {
        let sql = "select pg_advisory_xact_lock(1818848870, hashtext(encode($1, 'hex')))";
        client.execute(sql, &[origin]).await?;
        Ok(())
    }

    /// Whether one more person from this address may stand in line. The caller holds the line and,
    /// if machines are limited, this address's turn.
    pub(crate) async fn have_room_in_line(
        client: &impl GenericClient,
        pool: &Pool,
        origin: &Origin,
    ) -> Result<bool, DbError> {
        let sql = "select (select count(*) from place
                           where pool_id = $1 and origin = $2 and ended_at is null) as places,
                          (select count(*) from claim
                           where pool_id = $1 and origin = $2 and released_at is null) as claims,
                          (select count(*) from (
                               select from vm where pool_id = $1 and removed_at is null
                               limit 1 + (select count(*) from place where pool_id = $1
                                              and origin = $2 and ended_at is null)) as counted)
                              as machines";
        let row = client.query_one(sql, &[&pool.as_i64(), origin]).await?;
        let (places, claims): (i64, i64) = (row.try_get("places")?, row.try_get("claims")?);
        let limits = pool.rules().claiming.per_address;
        let most = match limits.places {
            PlacesPerAddress::Any => i64::MAX,
            PlacesPerAddress::AsThePool => row.try_get::<_, i64>("machines")?.max(FEWEST.into()),
            PlacesPerAddress::AtMost(most) => most.into(),
        };
        let most_claims = limits.claims.map_or(i64::MAX, i64::from);
        Ok(places < most && places + claims < most_claims)
    }

    /// Whether one more person from this address, with or without a place in line, may have a
    /// machine, if `most` is the limit. The caller holds this address's turn.
    pub(crate) async fn may_claim(
        client: &impl GenericClient,
        pool: &Pool,
        origin: &Origin,
        (most, email): (u32, &Email),
    ) -> Result<bool, DbError> {
        let sql = "select (select count(*) from place where pool_id = $1 and origin = $2
                               and ended_at is null and person is distinct from $3)
                        + (select count(*) from claim where pool_id = $1 and origin = $2
                               and released_at is null)";
        let row = client.query_one(sql, &[&pool.as_i64(), origin, &email.key()]).await?;
        Ok(row.try_get::<_, i64>(0)? < most.into())
    }
}

/// Forgets the addresses of claims and places that are over, however they ended.
pub(crate) async fn forget_ended(client: &impl GenericClient) -> Result<(), DbError> {
    for (table, over) in [("claim", "released_at"), ("place", "ended_at")] {
        let sql = format!(
            "update {table} set origin = null where id = any(array(
                 select id from {table} where origin is not null and {over} is not null
                 order by {over} limit 1000 for no key update skip locked))"
        );
        client.execute(&sql, &[]).await?;
    }
    Ok(())
}
