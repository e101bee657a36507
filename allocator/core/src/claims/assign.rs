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
#[derive(Clone)]
pub(crate) struct NewClaim {
    pub email: Email,
    pub code: CrdCode,
    pub pin: Pin,
    pub link: TokenHash,
    /// The address that it comes from, if addresses are counted.
    pub origin: Option<Origin>,
    /// The key of the request, by which it is known if it is sent again.
    pub once: Option<Once>,
}

#[derive(Clone, Debug)]
pub(crate) struct Assigned {
    pub claim_id: ClaimId,
    pub hostname: Hostname,
}

/// Why a claim got no VM.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NotAssigned {
    /// This person holds a VM already.
    AlreadyHolds,
    /// None is free, or not for this person; or the same request was sent before.
    NoneFree,
}

pub(crate) type Outcome = Result<Assigned, NotAssigned>;

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

/// Takes VMs that fit `which` for those of the sent claims that `wanted` holds for; writes the
/// claims, their links and events, and notifies. This is one statement: it happens whole or not at
/// all, in one round trip. Its events are the only ones that no [`Change`] writes.
///
/// People are written in the order of their keys, so that two statements that bring the same people
/// wait for one another and not in a circle. Somebody who has a claim gets no other: the schema
/// keeps one person from holding two VMs, however many requests race.
fn statement(wanted: &str, which: &str, locked: &str) -> String {
    format!(
        "with sent as (
             select * from unnest($3::text[], $4::text[], $5::text[], $6::bytea[], $8::text[],
                                  $9::bytea[], $10::bytea[], $11::bytea[], $12::text[])
                           with ordinality
                           as sent(email, code, pin, link, person, origin, key, wish, command, nr)
         ), wanted as (
             select sent.*, row_number() over (order by nr) as turn from sent where {wanted}
         ), fit as (
             select vm.id, vm.hostname from vm where vm.pool_id = $1 and {which}
             order by {order} limit (select count(*) from wanted) for no key update of vm {locked}
         ), taken as (
             select wanted.*, fit.id as vm_id, fit.hostname
             from (select *, row_number() over () as turn from fit) as fit join wanted using (turn)
         ), made as (
             insert into claim (pool_id, vm_id, email, person, crd_code, pin, origin)
             select $1, vm_id, email, person, code, pin, origin from taken order by person, email
             on conflict do nothing
             returning id, vm_id
         ), held as (
             update vm set claim_id = made.id, place_id = null, in_use = false from made
             where vm.id = made.vm_id
         ), unqueued as (
             update place set ended_at = now(), end_reason = 'claimed' from made join taken using (vm_id)
             where place.pool_id = $1 and (place.person = taken.person or place.email = taken.email)
               and place.ended_at is null
         ), linked as (
             insert into claim_link (token_sha256, claim_id)
             select taken.link, made.id from made join taken using (vm_id)
         ), told as (
             insert into event (pool_id, actor, kind, vm_id, claim_id)
             select $1, $7, '{created}', vm_id, id from made
         ), kept as (
             insert into begun (pool_id, key_sha256, wish_sha256, outcome)
             select $1, taken.key, taken.wish, jsonb_build_object(
                        'claim', made.id, 'command', taken.command, 'is_new', true)
             from made join taken using (vm_id) where taken.key is not null
         )
         select taken.nr - 1 as nr, made.id, taken.hostname,
                case when made.id is not null then pg_notify('vm_changed', taken.hostname)::text end,
                case when made.id is not null
                     then pg_notify('pool_changed', $1::bigint::text)::text end
         from taken left join made using (vm_id)",
        order = vms::BEST_FIRST,
        created = Kind::ClaimCreated.as_str(),
    )
}

/// Anybody but a person with an invitation, who has the VM of their place: another person who knows
/// the e-mail can't end that. A request that was sent before is no new wish.
const NEWCOMER: &str = "not exists (
        select from place where place.pool_id = $1 and place.person = sent.person
            and place.ended_at is null and place.invited_until is not null)
    and not exists (
        select from begun where begun.pool_id = $1 and begun.key_sha256 = sent.key)";

/// VMs that show a desktop in a tab: the others are for people with a command.
pub(super) const SHOWS: &str = "vm.offers_desktop";

impl NewClaim {
    /// Whether only VMs that show a desktop in a tab are fit for it.
    pub fn needs_tab(&self) -> bool {
        self.code.is_for_tab()
    }
}

/// Any free VM, unless somebody in line waits for it.
fn free() -> String {
    let line = format!("select from place where place.pool_id = $1 and {WAITING}");
    format!("{} and not exists ({line})", vms::CLAIMABLE)
}

/// Takes a VM for each of these claims, the first ones first. The outcomes are in their order. All
/// need a tab, or none.
pub(super) async fn assign(
    client: &impl GenericClient,
    pool: &Pool,
    claims: &[&NewClaim],
    locked: Locked,
) -> Result<Vec<Outcome>, DbError> {
    static SKIP: LazyLock<String> = LazyLock::new(|| statement(NEWCOMER, &free(), "skip locked"));
    static AWAIT: LazyLock<String> = LazyLock::new(|| statement(NEWCOMER, &free(), ""));

    static TAB_SKIP: LazyLock<String> =
        LazyLock::new(|| statement(NEWCOMER, &format!("{SHOWS} and {}", free()), "skip locked"));
    static TAB_AWAIT: LazyLock<String> =
        LazyLock::new(|| statement(NEWCOMER, &format!("{SHOWS} and {}", free()), ""));

    let needs_tab = claims.first().is_some_and(|claim| claim.needs_tab());
    let sql = match (locked, needs_tab) {
        (Locked::Skip, false) => &SKIP,
        (Locked::Await, false) => &AWAIT,
        (Locked::Skip, true) => &TAB_SKIP,
        (Locked::Await, true) => &TAB_AWAIT,
    };
    run(client, sql, pool, claims, &[]).await
}

/// The same for one claim.
pub(super) async fn assign_one(
    client: &impl GenericClient,
    pool: &Pool,
    claim: &NewClaim,
    locked: Locked,
) -> Result<Outcome, DbError> {
    let mut outcomes = assign(client, pool, &[claim], locked).await?;
    Ok(outcomes.pop().unwrap_or(Err(NotAssigned::NoneFree)))
}

/// Takes the VM that is kept for a place in line, if it is still fit.
pub(crate) async fn assign_kept(
    client: &impl GenericClient,
    pool: &Pool,
    claim: &NewClaim,
    KeptFor(place): KeptFor,
) -> Result<Outcome, DbError> {
    static KEPT: LazyLock<String> =
        LazyLock::new(|| statement("true", &format!("vm.place_id = $13 and {}", vms::FIT), ""));
    static TAB_KEPT: LazyLock<String> = LazyLock::new(|| {
        statement("true", &format!("vm.place_id = $13 and {SHOWS} and {}", vms::FIT), "")
    });
    let sql = if claim.needs_tab() { &TAB_KEPT } else { &KEPT };
    let mut outcomes = run(client, sql, pool, &[claim], &[&place]).await?;
    Ok(outcomes.pop().unwrap_or(Err(NotAssigned::NoneFree)))
}

async fn run(
    client: &impl GenericClient,
    sql: &str,
    pool: &Pool,
    claims: &[&NewClaim],
    more: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Outcome>, DbError> {
    let statement = client.prepare_cached(sql).await?;
    let (id, stale_after) = (pool.as_i64(), pool.rules().machines.stale_after.as_seconds());
    let emails: Vec<_> = claims.iter().map(|claim| claim.email.spelling()).collect();
    let people: Vec<_> = claims.iter().map(|claim| claim.email.key()).collect();
    let codes: Vec<_> = claims.iter().map(|claim| claim.code.as_str()).collect();
    let pins: Vec<_> = claims.iter().map(|claim| claim.pin.reveal()).collect();
    let links: Vec<_> = claims.iter().map(|claim| claim.link.as_bytes()).collect();
    let origins: Vec<_> = claims.iter().map(|claim| claim.origin.as_ref()).collect();
    let actor = Actor::Anyone.to_string();
    let wishes: Vec<Option<Wish>> = claims.iter().copied().map(Wish::of).collect();
    let keys: Vec<_> = wishes.iter().map(|wish| Some(wish.as_ref()?.key.as_bytes())).collect();
    let marks: Vec<_> = wishes.iter().map(|wish| Some(wish.as_ref()?.wish.as_slice())).collect();
    let commands: Vec<_> = wishes.iter().map(|wish| Some(&*wish.as_ref()?.command)).collect();
    let mut parameters: Vec<&(dyn ToSql + Sync)> =
        vec![&id, &stale_after, &emails, &codes, &pins, &links, &actor, &people, &origins];
    parameters.extend([&keys as &(dyn ToSql + Sync), &marks, &commands]);
    parameters.extend_from_slice(more);
    let mut outcomes = vec![Err(NotAssigned::NoneFree); claims.len()];
    for row in client.query(&statement, &parameters).await? {
        let nr: i64 = row.try_get("nr")?;
        let outcome = match row.try_get("id")? {
            Some(claim_id) => Ok(Assigned { claim_id, hostname: db::word(&row, "hostname")? }),
            None => Err(NotAssigned::AlreadyHolds),
        };
        if let Some(of_claim) = usize::try_from(nr).ok().and_then(|nr| outcomes.get_mut(nr)) {
            *of_claim = outcome;
        }
    }
    Ok(outcomes)
}

/// What is stored of a request with a key.
struct Wish {
    key: TokenHash,
    wish: [u8; 32],
    command: String,
}

impl Wish {
    fn of(claim: &NewClaim) -> Option<Self> {
        let once = claim.once.as_ref()?;
        let command = command_mark(once, &claim.code);
        Some(Self { key: once.key_hash(&Actor::Anyone), wish: once.wish_hash(), command })
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
