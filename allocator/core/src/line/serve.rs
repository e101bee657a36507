use std::sync::LazyLock;

use crate::db::GenericClient;

use super::{KEPT_FOR, KEPT_UNSEEN_FOR, LAPSES_AFTER, lock, tell};
use crate::{
    Db, DbError, claims, neighbours,
    pools::PoolId,
    vms::{self, StaleAfter},
};

/// Brings the line up to date, in the caller's transaction: places that lapsed end, offers of VMs
/// that are no longer fit are void, and VMs that are free go to participants whose own is at fault,
/// then to who has waited longest.
pub(crate) async fn serve(
    client: &impl GenericClient,
    pool: PoolId,
    stale_after: StaleAfter,
) -> Result<u64, DbError> {
    let sql = "select exists (select from place where pool_id = $1 and ended_at is null)
                   or exists (select from vm where pool_id = $1 and place_id is not null)
                   or exists (select from claim where pool_id = $1 and moving_since is not null
                              and released_at is null)";
    let statement = client.prepare_cached(sql).await?;
    if !client.query_one(&statement, &[&pool.as_i64()]).await?.try_get::<_, bool>(0)? {
        return Ok(0);
    }
    lock(client, pool).await?;
    let changed = lapse(client, pool).await?
        + pass(client, pool).await?
        + void(client, pool, stale_after).await?
        + claims::move_claims(client, pool, stale_after).await?
        + offer(client, pool, stale_after).await?;
    if changed > 0 {
        tell(client, pool).await?;
    }
    Ok(changed)
}

async fn lapse(client: &impl GenericClient, pool: PoolId) -> Result<u64, DbError> {
    let sql = "with lapsed as (
                   update place set ended_at = now(), end_reason = 'lapsed'
                   where pool_id = $1 and ended_at is null
                     and (last_looked_at < now() - make_interval(secs => $2)
                          or offered_at < now() - make_interval(secs => $3)
                          or (passed_at is not null and last_looked_at < offered_at
                              and offered_at < now() - make_interval(secs => $4)))
                     and (invited_until is null or invited_until < now())
                   returning id
               )
               insert into event (pool_id, actor, kind, data)
               select $1, 'system', 'place.lapsed', jsonb_build_object('place', id) from lapsed";
    let (unseen, kept) = (LAPSES_AFTER.as_secs_f64(), KEPT_FOR.as_secs_f64());
    let kept_unseen = KEPT_UNSEEN_FOR.as_secs_f64();
    let statement = client.prepare_cached(sql).await?;
    Ok(client.execute(&statement, &[&pool.as_i64(), &unseen, &kept, &kept_unseen]).await?)
}

/// An offer that nobody has seen ends soon. Its place waits on, once: else who never reacts would hold
/// one machine after another.
async fn pass(client: &impl GenericClient, pool: PoolId) -> Result<u64, DbError> {
    let sql = "with unseen as (
                   select vm.id, vm.place_id from vm join place on place.id = vm.place_id
                   where vm.pool_id = $1 and place.ended_at is null and place.passed_at is null
                     and place.last_looked_at < place.offered_at
                     and place.offered_at < now() - make_interval(secs => $2)
                     and (place.invited_until is null or place.invited_until < now())
                   for no key update of vm skip locked
               ), passed as (
                   update place set offered_at = null, passed_at = now() from unseen
                   where place.id = unseen.place_id and place.last_looked_at < place.offered_at
                   returning place.id, unseen.id as vm_id
               ), told as (
                   insert into event (pool_id, actor, kind, vm_id, data)
                   select $1, 'system', 'place.passed', vm_id, jsonb_build_object('place', id)
                   from passed
               )
               update vm set place_id = null from passed where vm.id = passed.vm_id";
    let statement = client.prepare_cached(sql).await?;
    let unseen = KEPT_UNSEEN_FOR.as_secs_f64();
    Ok(client.execute(&statement, &[&pool.as_i64(), &unseen]).await?)
}

/// The place of a VM that is no longer fit is again the first in line.
async fn void(
    client: &impl GenericClient,
    pool: PoolId,
    stale_after: StaleAfter,
) -> Result<u64, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "with unfit as (
                 select vm.id, vm.place_id from vm join place on place.id = vm.place_id
                 where vm.pool_id = $1 and (place.ended_at is not null or not ({fit}))
                 for no key update of vm skip locked
             ), waiting as (
                 update place set offered_at = null from unfit
                 where place.id = unfit.place_id and place.ended_at is null
             )
             update vm set place_id = null from unfit where vm.id = unfit.id",
            fit = vms::FIT,
        )
    });
    let statement = client.prepare_cached(&SQL).await?;
    Ok(client.execute(&statement, &[&pool.as_i64(), &stale_after.as_seconds()]).await?)
}

async fn offer(
    client: &impl GenericClient,
    pool: PoolId,
    stale_after: StaleAfter,
) -> Result<u64, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "with waiting as (
                 select id, row_number() over (order by {turn}) as turn from place
                 where pool_id = $1 and {waiting}
             ), free as (
                 select vm.id, vm.gpu, vm.number from vm where vm.pool_id = $1 and {claimable}
                 order by {order} limit (select count(*) from waiting)
                 for no key update of vm skip locked
             ), chosen as (
                 select vm.id, row_number() over (order by {order}) as turn from free as vm
             ), offered as (
                 update place set offered_at = now() from waiting join chosen using (turn)
                 where place.id = waiting.id returning place.id, chosen.id as vm_id
             ), told as (
                 insert into event (pool_id, actor, kind, vm_id, data)
                 select $1, 'system', 'place.offered', vm_id, jsonb_build_object('place', id)
                 from offered
             )
             update vm set place_id = offered.id from offered where vm.id = offered.vm_id",
            waiting = super::WAITING,
            turn = super::ORDER,
            claimable = vms::CLAIMABLE,
            order = vms::BEST_FIRST,
        )
    });
    let statement = client.prepare_cached(&SQL).await?;
    Ok(client.execute(&statement, &[&pool.as_i64(), &stale_after.as_seconds()]).await?)
}

/// Serves the line: time makes places lapse, and a VM whose agent is heard again is free without a
/// transaction that says so. Answers how much has changed.
pub async fn tend(db: &Db, pool: PoolId, stale_after: StaleAfter) -> Result<u64, DbError> {
    let mut client = db.client().await?;
    let transaction = client.transaction().await?;
    let changed = serve(&transaction, pool, stale_after).await?;
    transaction.commit().await?;
    neighbours::forget_ended(&client).await?;
    Ok(changed)
}
