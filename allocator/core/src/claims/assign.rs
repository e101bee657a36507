use std::sync::LazyLock;

use crate::{
    Actor, DbError, Email, Pin, TokenHash,
    db::{self, GenericClient},
    events::Kind,
    ids::{ClaimId, PlaceId},
    neighbours::Origin,
    pools::Pool,
    rows::WAITING,
    scope::Once,
    vms,
};
use lablink_protocol::{CrdCode, Hostname};

use tokio_postgres::types::ToSql;

/// A digest that identifies a command. The command can't be read from it.
pub(super) fn command_mark(once: &Once, code: &CrdCode) -> String {
    once.key().token(&format!("command {}", code.as_str())).reveal().to_owned()
}

/// The values of a new claim.
pub(crate) struct NewClaim<'a> {
    pub email: &'a Email,
    pub code: &'a CrdCode,
    pub pin: &'a Pin,
    pub link: TokenHash,
    /// The address that it comes from, if addresses are counted.
    pub origin: Option<Origin>,
    /// The key of the request, by which it is known if it is sent again.
    pub once: Option<&'a Once>,
}

pub(crate) struct Assigned {
    pub claim_id: ClaimId,
    pub hostname: Hostname,
}

/// Why the statement took no VM.
pub(crate) enum NotAssigned {
    /// This person holds a VM already.
    AlreadyHolds,
    /// The same request was sent before.
    SentBefore,
    NoneFree,
    Db(DbError),
}

/// How to treat VMs that another transaction has locked.
#[derive(Clone, Copy)]
pub(super) enum Locked {
    /// Take another one: fast, and right while there are free ones.
    Skip,
    /// Wait for the other transaction, before reporting that none is free.
    Await,
}

/// The place in line that a VM is kept for.
#[derive(Clone, Copy)]
pub(crate) struct KeptFor(pub PlaceId);

/// Takes a VM that fits `which`, writes the claim, its link and its event, and notifies: one
/// statement, so it happens whole or not at all, in one round trip. The only event that no
/// [`Change`] writes.
fn statement(which: &str, locked: &str) -> String {
    format!(
        "with taken as (
             select vm.id, vm.hostname from vm
             where vm.pool_id = $1 and {which}
             order by {order} limit 1 for no key update of vm {locked}
         ), made as (
             insert into claim (pool_id, vm_id, email, person, crd_code, pin, origin)
             select $1, taken.id, $3, $8, $4, $5, $9 from taken returning id, vm_id
         ), held as (
             update vm set claim_id = made.id, place_id = null, in_use = false from made
             where vm.id = made.vm_id
         ), unqueued as (
             update place set ended_at = now(), end_reason = 'claimed' from made
             where place.pool_id = $1 and (place.person = $8 or place.email = $3)
               and place.ended_at is null
         ), linked as (
             insert into claim_link (token_sha256, claim_id) select $6, made.id from made
         ), told as (
             insert into event (pool_id, actor, kind, vm_id, claim_id)
             select $1, $7, '{created}', made.vm_id, made.id from made
         ), kept as (
             insert into begun (pool_id, key_sha256, wish_sha256, outcome)
             select $1, $10, $11,
                    jsonb_build_object('claim', made.id, 'command', $12::text, 'is_new', true)
             from made where $10::bytea is not null
         )
         select made.id, taken.hostname, pg_notify('vm_changed', taken.hostname)::text,
                pg_notify('pool_changed', $1::bigint::text)::text
         from made, taken",
        order = vms::BEST_FIRST,
        created = Kind::ClaimCreated.as_str(),
    )
}

/// Any free VM, unless somebody in line waits for it. A person with an invitation has the VM of
/// their place, and another person who knows the e-mail can't end that.
fn free() -> String {
    format!(
        "{} and not exists (select from place where place.pool_id = $1 and ({} or {}))",
        vms::CLAIMABLE,
        WAITING,
        "place.person = $8 and place.ended_at is null and place.invited_until is not null",
    )
}

pub(super) async fn assign(
    client: &impl GenericClient,
    pool: &Pool,
    claim: &NewClaim<'_>,
    locked: Locked,
) -> Result<Assigned, NotAssigned> {
    static SKIP: LazyLock<String> = LazyLock::new(|| statement(&free(), "skip locked"));
    static AWAIT: LazyLock<String> = LazyLock::new(|| statement(&free(), ""));

    let sql = match locked {
        Locked::Skip => &SKIP,
        Locked::Await => &AWAIT,
    };
    run(client, sql, pool, claim, &[]).await
}

/// Takes the VM that is kept for a place in line, if it is still fit.
pub(crate) async fn assign_kept(
    client: &impl GenericClient,
    pool: &Pool,
    claim: &NewClaim<'_>,
    KeptFor(place): KeptFor,
) -> Result<Assigned, NotAssigned> {
    static KEPT: LazyLock<String> =
        LazyLock::new(|| statement(&format!("vm.place_id = $13 and {}", vms::FIT), ""));
    run(client, &KEPT, pool, claim, &[&place]).await
}

async fn run(
    client: &impl GenericClient,
    sql: &str,
    pool: &Pool,
    claim: &NewClaim<'_>,
    more: &[&(dyn ToSql + Sync)],
) -> Result<Assigned, NotAssigned> {
    let statement = client.prepare_cached(sql).await.map_err(failed)?;
    let (pool, stale_after) = (pool.as_i64(), pool.rules.machines.stale_after.as_seconds());
    let (code, pin, link) = (claim.code.as_str(), claim.pin.reveal(), claim.link.as_bytes());
    let (email, person) = (claim.email.spelling(), claim.email.key());
    let actor = Actor::Anyone.to_string();
    let key = claim.once.map(|once| once.key_hash(&Actor::Anyone));
    let (key, wish) = (key.as_ref().map(TokenHash::as_bytes), claim.once.map(Once::wish_hash));
    let wish = wish.as_ref().map(<[u8; 32]>::as_slice);
    let command = claim.once.map(|once| command_mark(once, claim.code));
    let mut parameters: Vec<&(dyn ToSql + Sync)> =
        vec![&pool, &stale_after, &email, &code, &pin, &link, &actor, &person, &claim.origin];
    parameters.extend([&key as &(dyn ToSql + Sync), &wish, &command]);
    parameters.extend_from_slice(more);
    let row = client
        .query_opt(&statement, &parameters)
        .await
        .map_err(failed)?
        .ok_or(NotAssigned::NoneFree)?;
    Ok(Assigned {
        claim_id: row.try_get("id").map_err(failed)?,
        hostname: db::word(&row, "hostname").map_err(NotAssigned::Db)?,
    })
}

/// The schema is what keeps one person from holding two VMs, however many requests race.
fn failed(error: tokio_postgres::Error) -> NotAssigned {
    match db::violated(&error) {
        Some("claim_open_email" | "claim_open_person") => NotAssigned::AlreadyHolds,
        Some("begun_pkey") => NotAssigned::SentBefore,
        _ => NotAssigned::Db(error.into()),
    }
}

/// The open claim of one person.
pub(super) struct Held {
    pub claim_id: ClaimId,
    pub hostname: Hostname,
    pub pin: Pin,
}

pub(super) async fn held_by(
    client: &impl GenericClient,
    pool: &Pool,
    email: &Email,
) -> Result<Option<Held>, DbError> {
    client
        .query_opt(
            "select claim.id, claim.pin, vm.hostname
             from claim join vm on vm.id = claim.vm_id
             where claim.pool_id = $1 and claim.released_at is null
               and (claim.person = $2 or (claim.person is null and claim.email = $3))
             order by claim.person limit 1",
            &[&pool.as_i64(), &email.key(), &email.spelling()],
        )
        .await?
        .map(|row| {
            Ok(Held {
                claim_id: row.try_get("id")?,
                hostname: db::word(&row, "hostname")?,
                pin: Pin::stored(row.try_get("pin")?),
            })
        })
        .transpose()
}

/// The number of a person's open claim.
pub(crate) async fn open_claim_of(
    client: &impl GenericClient,
    pool: &Pool,
    email: &Email,
) -> Result<Option<ClaimId>, DbError> {
    Ok(held_by(client, pool, email).await?.map(|held| held.claim_id))
}
