//! How the pool was used over the last hours: how many VMs were claimed and in use, and how their
//! GPUs were. There are no stored samples: it starts from the current state and goes back through
//! the events.

use jiff::{SignedDuration, Timestamp};
use lablink_protocol::GpuHealth;

use crate::{DbError, Scope, db, pools::Pool};

/// The pool at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    pub at: Timestamp,
    pub claimed: i64,
    /// VMs on which the subject software ran.
    pub in_use: i64,
    pub healthy: i64,
    pub degraded: i64,
    pub unhealthy: i64,
}

impl Sample {
    fn of_gpu(&mut self, health: GpuHealth) -> Option<&mut i64> {
        match health {
            GpuHealth::Healthy => Some(&mut self.healthy),
            GpuHealth::Degraded => Some(&mut self.degraded),
            GpuHealth::Unhealthy => Some(&mut self.unhealthy),
            GpuHealth::None => None,
        }
    }
}

/// A change, to be undone on the way back.
struct Change {
    at: Timestamp,
    claimed: i64,
    in_use: i64,
    gpu_was: Option<GpuHealth>,
    gpu_became: Option<GpuHealth>,
}

/// `count` samples, `step` apart; the last one is now.
pub async fn samples(
    scope: &Scope,
    count: u16,
    step: SignedDuration,
) -> Result<Vec<Sample>, DbError> {
    let client = scope.client().await?;
    let now = client
        .query_one(
            "select now() as at,
                    (select count(*) from claim where pool_id = $1 and released_at is null)
                        as claimed,
                    count(*) filter (where in_use) as in_use,
                    count(*) filter (where gpu = 'healthy') as healthy,
                    count(*) filter (where gpu = 'degraded') as degraded,
                    count(*) filter (where gpu = 'unhealthy') as unhealthy
             from vm where pool_id = $1 and removed_at is null",
            &[&scope.pool.as_i64()],
        )
        .await?;
    let mut sample = Sample {
        at: now.try_get("at")?,
        claimed: now.try_get("claimed")?,
        in_use: now.try_get("in_use")?,
        healthy: now.try_get("healthy")?,
        degraded: now.try_get("degraded")?,
        unhealthy: now.try_get("unhealthy")?,
    };
    let since = sample.at - step * i32::from(count);
    let mut undone = changes(&client, &scope.pool, since).await?.into_iter().peekable();
    let mut samples = Vec::with_capacity(usize::from(count));
    for nth in 0..i32::from(count) {
        let at = sample.at - step * i32::from(nth > 0);
        while let Some(change) = undone.next_if(|change| change.at > at) {
            sample.claimed -= change.claimed;
            // A new claim begins without use, whatever ran before.
            sample.in_use = (sample.in_use - change.in_use).max(0);
            for (health, vms) in [(change.gpu_became, -1), (change.gpu_was, 1)] {
                if let Some(count) = health.and_then(|health| sample.of_gpu(health)) {
                    *count += vms;
                }
            }
        }
        sample.at = at;
        samples.push(sample);
    }
    samples.reverse();
    Ok(samples)
}

/// The newest first.
async fn changes(
    client: &crate::db::Client,
    pool: &Pool,
    since: Timestamp,
) -> Result<Vec<Change>, DbError> {
    let sql = "select created_at as at, 1 as claimed, 0 as in_use, null as was, null as became
               from claim where pool_id = $1 and created_at > $2
               union all
               select released_at, -1, 0, null, null
               from claim where pool_id = $1 and released_at > $2
               union all
               select at, 0, case kind when 'vm.use_started' then 1 else -1 end, null, null
               from event
               where pool_id = $1 and kind in ('vm.use_started', 'vm.use_ended') and at > $2
               union all
               select at, 0, 0, data->>'from', data->>'to' from event
               where pool_id = $1 and kind = 'vm.gpu_changed' and at > $2
               union all
               select removed_at, 0, -in_use::int, gpu, null
               from vm where pool_id = $1 and removed_at > $2
               order by at desc";
    let rows = client.query(sql, &[&pool.as_i64(), &since]).await?;
    rows.iter()
        .map(|row| {
            Ok(Change {
                at: row.try_get("at")?,
                claimed: i64::from(row.try_get::<_, i32>("claimed")?),
                in_use: i64::from(row.try_get::<_, i32>("in_use")?),
                gpu_was: db::optional_word(row, "was")?,
                gpu_became: db::optional_word(row, "became")?,
            })
        })
        .collect()
}
