//! The key by which people are compared ([`Email::key`]), for rows that have none.
//!
//! SQL has no UTS 46, so this is not a migration: it runs at each start, under the migrations'
//! lock, for rows without a key. Those are what an older allocator wrote, before us or beside us.
//! It goes on comparing `email`, which is left alone, so each finds again what it wrote. A start
//! that is interrupted leaves its rest to the next one; a row with its key is done.
//!
//! Nobody loses a machine: if two open claims turn out to be one person's, the first gets the key,
//! the other keeps its own spelling until it ends, and the organiser is told.

use tokio_postgres::{Client, Error};

use crate::{Email, db};

/// How often to try: that person can claim between two statements.
const ATTEMPTS: usize = 5;

pub(crate) async fn fill_in(client: &Client) -> Result<(), Error> {
    claims(client).await?;
    places(client).await
}

async fn claims(client: &Client) -> Result<(), Error> {
    let open = "select id, email from claim where released_at is null and person is null";
    let (ids, keys) = keyed(client, open).await?;
    let first = "with keyed as (
            select * from unnest($1::bigint[], $2::text[]) as keyed(id, person)
        ), first as (
            select distinct on (claim.pool_id, keyed.person) claim.id, keyed.person
            from keyed join claim using (id)
            where claim.released_at is null and not exists (
                select from claim as other where other.pool_id = claim.pool_id
                    and other.person = keyed.person and other.released_at is null
            )
            order by claim.pool_id, keyed.person, claim.id
        )
        update claim set person = first.person, same_person_as = null from first
        where claim.id = first.id and claim.released_at is null and claim.person is null";
    write(client, first, "claim_open_person", (&ids, &keys)).await?;
    // The event names no VM: its key would lock the VM's row after the claim's.
    let told = "with keyed as (
            select * from unnest($1::bigint[], $2::text[]) as keyed(id, person)
        ), later as (
            update claim set same_person_as = first.id from keyed, claim as first
            where claim.id = keyed.id and claim.released_at is null and claim.person is null
              and first.pool_id = claim.pool_id and first.person = keyed.person
              and first.released_at is null and claim.same_person_as is distinct from first.id
            returning claim.id, claim.pool_id
        )
        insert into event (pool_id, actor, kind, claim_id)
        select pool_id, 'system', 'claim.same_person', id from later";
    client.execute(told, &[&ids, &keys]).await?;
    Ok(())
}

async fn places(client: &Client) -> Result<(), Error> {
    let open = "select id, email from place where ended_at is null and person is null";
    let (ids, keys) = keyed(client, open).await?;
    let first = "with keyed as (
            select * from unnest($1::bigint[], $2::text[]) as keyed(id, person)
        ), first as (
            select distinct on (place.pool_id, keyed.person) place.id, keyed.person
            from keyed join place using (id)
            where place.ended_at is null and not exists (
                select from place as other where other.pool_id = place.pool_id
                    and other.person = keyed.person and other.ended_at is null
            )
            order by place.pool_id, keyed.person, place.id
        )
        update place set person = first.person from first
        where place.id = first.id and place.ended_at is null and place.person is null";
    write(client, first, "place_open_person", (&ids, &keys)).await
}

/// The rows of a query, with the keys of their addresses. A text that is no address by today's
/// rules keeps its spelling as the key.
async fn keyed(client: &Client, query: &str) -> Result<(Vec<i64>, Vec<String>), Error> {
    let mut keyed = (Vec::new(), Vec::new());
    for row in client.query(query, &[]).await? {
        if let Ok(email) = row.try_get::<_, String>("email")?.parse::<Email>() {
            keyed.0.push(row.try_get("id")?);
            keyed.1.push(email.key().to_owned());
        }
    }
    Ok(keyed)
}

async fn write(
    client: &Client,
    sql: &str,
    taken: &str,
    (ids, keys): (&Vec<i64>, &Vec<String>),
) -> Result<(), Error> {
    let mut attempts = 1..ATTEMPTS;
    loop {
        match client.execute(sql, &[ids, keys]).await {
            Err(error) if db::violated(&error) == Some(taken) && attempts.next().is_some() => {}
            outcome => return outcome.map(|_rows| ()),
        }
    }
}
