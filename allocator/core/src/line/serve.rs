use serde_json::json;
use std::sync::LazyLock;
use tokio_postgres::{Row, types::ToSql};

use super::{KEPT_FOR, KEPT_UNSEEN_FOR, LAPSES_AFTER, lock};
use crate::{
    Actor, DbError, Scope, claims,
    events::{Change, Kind, Touch},
    ids::{PlaceId, VmId},
    neighbours,
    rows::WAITING,
    vms,
};

/// Brings the line up to date, in the caller's transaction: places that lapsed end, offers of VMs
/// that are no longer fit are void, and VMs that are free go to participants whose own is at fault,
/// then to the person who has waited longest.
pub(crate) async fn serve(change: &mut Change<'_>) -> Result<(), DbError> {
    let sql = "select exists (select from place where pool_id = $1 and ended_at is null)
                   or exists (select from vm where pool_id = $1 and place_id is not null)
                   or exists (select from claim where pool_id = $1 and moving_since is not null
                              and released_at is null)";
    let statement = change.prepare_cached(sql).await?;
    if !change.query_one(&statement, &[&change.pool().as_i64()]).await?.try_get::<_, bool>(0)? {
        return Ok(());
    }
    lock(change).await?;
    lapse(change).await?;
    pass(change).await?;
    void(change).await?;
    claims::move_claims(change).await?;
    offer(change).await
}

async fn lapse(change: &mut Change<'_>) -> Result<(), DbError> {
    // Each part has its index. An array, since few are over: as a join, all places would be read.
    let sql = "update place set ended_at = now(), end_reason = 'lapsed'
               where id = any(array(
                   select id from place
                   where pool_id = $1 and ended_at is null
                     and last_looked_at < now() - make_interval(secs => $2)
                   union
                   select id from place
                   where pool_id = $1 and ended_at is null
                     and offered_at < now() - make_interval(secs => $4)
                     and (offered_at < now() - make_interval(secs => $3)
                          or (passed_at is not null and last_looked_at < offered_at))
               )) and ended_at is null and (invited_until is null or invited_until < now())
               returning id";
    let (unseen, kept) = (LAPSES_AFTER.as_secs_f64(), KEPT_FOR.as_secs_f64());
    let kept_unseen = KEPT_UNSEEN_FOR.as_secs_f64();
    let statement = change.prepare_cached(sql).await?;
    let pool = change.pool().as_i64();
    for place in change.query(&statement, &[&pool, &unseen, &kept, &kept_unseen]).await? {
        let place: PlaceId = place.try_get("id")?;
        change.event(Kind::PlaceLapsed).by(Actor::System).with(json!({ "place": place }));
    }
    Ok(())
}

/// An offer that nobody has seen ends soon. Its place goes on waiting, but only once: otherwise a
/// person who never reacts would hold one machine after another.
async fn pass(change: &mut Change<'_>) -> Result<(), DbError> {
    let sql = "with unseen as (
                   select vm.id, vm.place_id from vm join place on place.id = vm.place_id
                   where vm.pool_id = $1 and vm.place_id is not null
                     and place.ended_at is null and place.passed_at is null
                     and place.last_looked_at < place.offered_at
                     and place.offered_at < now() - make_interval(secs => $2)
                     and (place.invited_until is null or place.invited_until < now())
                   for no key update of vm skip locked
               ), passed as (
                   update place set offered_at = null, passed_at = now() from unseen
                   where place.id = unseen.place_id and place.last_looked_at < place.offered_at
                   returning place.id, unseen.id as vm_id
               )
               update vm set place_id = null from passed where vm.id = passed.vm_id
               returning vm.id, passed.id as place";
    let statement = change.prepare_cached(sql).await?;
    let unseen = KEPT_UNSEEN_FOR.as_secs_f64();
    for passed in change.query(&statement, &[&change.pool().as_i64(), &unseen]).await? {
        of_place(change, Kind::PlacePassed, &passed)?;
    }
    Ok(())
}

/// The place of a VM that is no longer fit is again the first in line.
async fn void(change: &mut Change<'_>) -> Result<(), DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "with unfit as (
                 select vm.id, vm.place_id, place.ended_at is null as waits
                 from vm join place on place.id = vm.place_id
                 where vm.pool_id = $1 and vm.place_id is not null
                   and (place.ended_at is not null or not ({fit}))
                 for no key update of vm skip locked
             ), waiting as (
                 update place set offered_at = null from unfit
                 where place.id = unfit.place_id and place.ended_at is null
             )
             update vm set place_id = null from unfit where vm.id = unfit.id 
             returning vm.id, unfit.place_id as place, unfit.waits",
            fit = vms::FIT,
        )
    });
    for voided in run(change, &SQL).await? {
        if voided.try_get("waits")? {
            of_place(change, Kind::PlaceOfferEnded, &voided)?;
        } else {
            change.touch(Touch::Vm(voided.try_get("id")?));
        }
    }
    Ok(())
}

async fn offer(change: &mut Change<'_>) -> Result<(), DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "with waiting as (
                 select id, row_number() over (order by {turn}) as turn from (
                     select * from place where pool_id = $1 and {waiting} order by {turn} limit $3
                 ) as place
             ), free as (
                 select vm.id, vm.gpu, vm.number from vm where vm.pool_id = $1 and {claimable}
                 order by {order} limit (select count(*) from waiting)
                 for no key update of vm skip locked
             ), chosen as (
                 select vm.id, row_number() over (order by {order}) as turn from free as vm
             ), pairs as (
                 select waiting.id as place, chosen.id as vm from waiting join chosen using (turn)
             ), offered as (
                 update place set offered_at = now()
                 where id = any(array(select place from pairs))
                 returning id, (select vm from pairs where pairs.place = place.id) as vm_id
             )
             update vm set place_id = offered.id from offered where vm.id = offered.vm_id
             returning vm.id, offered.id as place",
            waiting = WAITING,
            turn = super::ORDER,
            claimable = vms::CLAIMABLE,
            order = vms::BEST_FIRST,
        )
    });
    let statement = change.prepare_cached(&SQL).await?;
    let (pool, stale_after) = (change.pool(), change.pool().rules().machines.stale_after);
    loop {
        let values: [&(dyn ToSql + Sync); 3] =
            [&pool.as_i64(), &stale_after.as_seconds(), &OFFERED_AT_ONCE];
        let offered = change.query(&statement, &values).await?;
        for offered in &offered {
            of_place(change, Kind::PlaceOffered, offered)?;
        }
        if i64::try_from(offered.len()).is_ok_and(|offered| offered < OFFERED_AT_ONCE) {
            return Ok(());
        }
    }
}

/// Places that one statement serves. Most changes free one VM, however long the line is.
const OFFERED_AT_ONCE: i64 = 100;

/// Runs a statement that asks for fit VMs.
async fn run(change: &Change<'_>, sql: &str) -> Result<Vec<Row>, DbError> {
    let statement = change.prepare_cached(sql).await?;
    let (pool, stale_after) = (change.pool(), change.pool().rules().machines.stale_after);
    Ok(change.query(&statement, &[&pool.as_i64(), &stale_after.as_seconds()]).await?)
}

/// Adds an event about a VM and the place that it is, or was, kept for.
fn of_place(change: &mut Change<'_>, kind: Kind, row: &Row) -> Result<(), DbError> {
    let (vm, place): (VmId, PlaceId) = (row.try_get("id")?, row.try_get("place")?);
    change.event(kind).by(Actor::System).of_vm(vm).with(json!({ "place": place }));
    Ok(())
}

/// Serves the line: time makes places lapse, and a VM whose agent is heard again is free without a
/// transaction that says so. Returns how many events that caused.
pub async fn tend(scope: &Scope) -> Result<u64, DbError> {
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    serve(&mut change).await?;
    let changed = change.told();
    change.commit().await?;
    neighbours::forget_ended(&client).await?;
    Ok(changed)
}
