use std::sync::LazyLock;

use super::{CLAIMABLE, StaleAfter};
use crate::{Db, DbError, line::WAITING, pools::PoolId};

/// How many VMs can be claimed right now by somebody who comes: the number on the public page.
/// What the line waits for is not among them.
pub async fn free(db: &Db, pool: PoolId, stale_after: StaleAfter) -> Result<i64, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select greatest(0, (select count(*) from vm where pool_id = $1 and {CLAIMABLE})
                                  - (select count(*) from place where pool_id = $1 and {WAITING}))",
        )
    });
    let client = db.client().await?;
    let statement = client.prepare_cached(&SQL).await?;
    let row = client.query_one(&statement, &[&pool.as_i64(), &stale_after.as_seconds()]).await?;
    Ok(row.try_get(0)?)
}

/// The pool at a glance. Every VM that is there counts in exactly one of `free`, `claimed`,
/// `starting` and `attention`; `in_use` is a part of `claimed`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub free: i64,
    pub claimed: i64,
    pub in_use: i64,
    pub starting: i64,
    /// In error, silent, unhealthy, or being removed.
    pub attention: i64,
}

pub async fn counts(db: &Db, pool: PoolId, stale_after: StaleAfter) -> Result<Counts, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "with present as (
                 select claim_id is not null as claimed, in_use, {CLAIMABLE} as free,
                        claim_id is null and status = 'initializing' and removing_at is null as starting
                 from vm where pool_id = $1 and removed_at is null
             )
             select count(*) filter (where free) as free,
                    count(*) filter (where claimed) as claimed,
                    count(*) filter (where claimed and in_use) as in_use,
                    count(*) filter (where starting) as starting,
                    count(*) filter (where not (free or claimed or starting)) as attention
             from present"
        )
    });
    let client = db.client().await?;
    let statement = client.prepare_cached(&SQL).await?;
    let row = client.query_one(&statement, &[&pool.as_i64(), &stale_after.as_seconds()]).await?;
    Ok(Counts {
        free: row.try_get("free")?,
        claimed: row.try_get("claimed")?,
        in_use: row.try_get("in_use")?,
        starting: row.try_get("starting")?,
        attention: row.try_get("attention")?,
    })
}
