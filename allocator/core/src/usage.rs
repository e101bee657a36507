//! How the pool was used over the last hours: how many VMs were claimed and in use, and how their
//! GPUs were. A pass counts once a minute, so that no page has to.

use jiff::{SignedDuration, Timestamp};

use crate::{DbError, Scope};

/// The pool at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    pub at: Timestamp,
    pub claimed: i64,
    /// VMs on which the subject software ran.
    pub in_use: i64,
    pub healthy: i64,
    pub degraded: i64,
    pub unhealthy: i64,
}

/// The time from one sample to the next.
pub const STEP: SignedDuration = SignedDuration::from_mins(15);

/// Counts the pool for the sample of this quarter of an hour, and drops samples that are a week old.
/// In several allocators, the last count stays.
pub async fn record(scope: &Scope) -> Result<u64, DbError> {
    let sql = "with dropped as (
                   delete from usage_sample where pool_id = $1 and at < now() - interval '7 days'
               )
               insert into usage_sample as sample
                   (pool_id, at, claimed, in_use, healthy, degraded, unhealthy)
               select $1, date_bin($2::text::interval, now(), 'epoch'),
                      count(*) filter (where claim_id is not null), count(*) filter (where in_use),
                      count(*) filter (where gpu = 'healthy'),
                      count(*) filter (where gpu = 'degraded'),
                      count(*) filter (where gpu = 'unhealthy')
               from vm where pool_id = $1 and removed_at is null
               on conflict (pool_id, at) do update set
                   claimed = excluded.claimed, in_use = excluded.in_use,
                   healthy = excluded.healthy, degraded = excluded.degraded,
                   unhealthy = excluded.unhealthy";
    let step = format!("{} seconds", STEP.as_secs());
    scope.client().await?.execute(sql, &[&scope.pool.as_i64(), &step]).await?;
    Ok(0)
}

/// `count` samples, [`STEP`] apart; the last one is of this quarter of an hour. While nobody counted,
/// all stayed as it was.
pub async fn samples(scope: &Scope, count: u16) -> Result<Vec<Sample>, DbError> {
    let sql = "select at, claimed, in_use, healthy, degraded, unhealthy,
                      date_bin($3::text::interval, now(), 'epoch') as this
               from usage_sample where pool_id = $1 order by at desc limit $2";
    let step = format!("{} seconds", STEP.as_secs());
    let client = scope.client().await?;
    let rows = client.query(sql, &[&scope.pool.as_i64(), &i64::from(count), &step]).await?;
    let Some(newest) = rows.first() else { return Ok(Vec::new()) };
    let this: Timestamp = newest.try_get("this")?;
    let mut known = Vec::with_capacity(rows.len());
    for row in rows.iter().rev() {
        let count = |column| row.try_get::<_, i32>(column).map(i64::from);
        known.push(Sample {
            at: row.try_get("at")?,
            claimed: count("claimed")?,
            in_use: count("in_use")?,
            healthy: count("healthy")?,
            degraded: count("degraded")?,
            unhealthy: count("unhealthy")?,
        });
    }
    Ok(at_even_times(&known, this, count))
}

fn at_even_times(known: &[Sample], this: Timestamp, count: u16) -> Vec<Sample> {
    let at = |nth: u16| this - STEP * i32::from(count - 1 - nth);
    let before = |at: Timestamp| known.iter().rev().find(|sample| sample.at <= at);
    (0..count)
        .map(|nth| Sample { at: at(nth), ..before(at(nth)).copied().unwrap_or_default() })
        .collect()
}
