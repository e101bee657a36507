use std::sync::LazyLock;

use super::{COUNTED, EndReason, KEPT_FOR, ORDER};
use crate::{
    DbError, Scope, Token,
    db::{self, GenericClient},
    pools::Pool,
    rows::{TOOK, WAITING},
};
use jiff::{SignedDuration, Timestamp};
use lablink_protocol::Hostname;

/// The state of one place in line.
#[derive(Clone, Debug)]
pub enum Standing {
    Waiting {
        /// How many are served before this place; counted up to [`COUNTED`].
        ahead: i64,
        /// How many wait in all, this one included; counted up to [`COUNTED`].
        waiting: i64,
        /// Seconds until a VM is there that starts at the moment, going by how long others took.
        /// None: none starts for this place, or it takes longer than others did.
        expected_seconds: Option<i64>,
    },
    /// A VM is kept until that moment.
    Offered {
        hostname: Hostname,
        until: Timestamp,
        /// Its agent can show its desktop in a tab.
        offers_desktop: bool,
    },
    Over(EndReason),
}

/// Returns the state of a place, and notes that somebody looked at it. None: the token opens no
/// place.
pub async fn look(scope: &Scope, token: &Token) -> Result<Option<Standing>, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "select case when mine.removed_at is null then mine.end_reason else 'removed' end
                        as end_reason, mine.offered_at, mine.invited_until, vm.hostname,
                    coalesce(vm.offers_desktop, false) as offers_desktop,
                    (select count(*) from (
                         select from place where pool_id = $1 and {WAITING}
                           and (invited_until is null, id) < (mine.invited_until is null, mine.id)
                         order by {ORDER} limit $3) as counted) as ahead,
                    (select count(*) from (
                         select from place where pool_id = $1 and {WAITING}
                         order by {ORDER} limit $3) as counted) as waiting
             from place as mine left join vm on vm.place_id = mine.id
             where mine.pool_id = $1 and mine.token_sha256 = $2"
        )
    });
    let client = scope.client().await?;
    let token = token.hash();
    let looked = "update place set last_looked_at = now()
                  where pool_id = $1 and token_sha256 = $2 and ended_at is null";
    let statement = client.prepare_cached(looked).await?;
    client.execute(&statement, &[&scope.pool.as_i64(), &token.as_bytes()]).await?;
    let statement = client.prepare_cached(&SQL).await?;
    let Some(row) =
        client.query_opt(&statement, &[&scope.pool.as_i64(), &token.as_bytes(), &COUNTED]).await?
    else {
        return Ok(None);
    };
    if let Some(reason) = db::optional_word(&row, "end_reason")? {
        return Ok(Some(Standing::Over(reason)));
    }
    let offered_at: Option<Timestamp> = row.try_get("offered_at")?;
    let hostname: Option<Hostname> = db::optional_word(&row, "hostname")?;
    if let (Some(offered_at), Some(hostname)) = (offered_at, hostname) {
        let kept_for = SignedDuration::try_from(KEPT_FOR).unwrap_or_default();
        let invited_until: Option<Timestamp> = row.try_get("invited_until")?;
        let until = invited_until.unwrap_or(offered_at).max(offered_at + kept_for);
        let offers_desktop = row.try_get("offers_desktop")?;
        return Ok(Some(Standing::Offered { hostname, until, offers_desktop }));
    }
    let ahead = row.try_get("ahead")?;
    Ok(Some(Standing::Waiting {
        ahead,
        waiting: row.try_get("waiting")?,
        expected_seconds: expected(&client, &scope.pool, ahead).await?,
    }))
}

/// Whether the token's place is open, for a caller that only waits for news: this does not count as
/// a look.
pub async fn is_open(scope: &Scope, token: &Token) -> Result<bool, DbError> {
    let sql = "select exists (select from place
                   where pool_id = $1 and token_sha256 = $2 and ended_at is null)";
    let client = scope.client().await?;
    let statement = client.prepare_cached(sql).await?;
    let row =
        client.query_one(&statement, &[&scope.pool.as_i64(), &token.hash().as_bytes()]).await?;
    Ok(row.try_get(0)?)
}

/// The next VM that starts is for the first place, the one after it for the second, and so on; one
/// that has not been begun needs a whole start. The estimate for each is the median of those
/// earlier starts that took longer than it has so far. Without any, there is no estimate. VMs that
/// are overdue are not waited for, nor registered machines on which nobody has begun.
async fn expected(
    client: &impl GenericClient,
    pool: &Pool,
    ahead: i64,
) -> Result<Option<i64>, DbError> {
    static SQL: LazyLock<String> = LazyLock::new(|| {
        format!(
            "with {TOOK}, mine as (
                 select coalesce(extract(epoch from now() - starting_since), 0)::float8 as age
                 from vm
                 where pool_id = $1 and status = 'initializing' and removed_at is null
                   and removing_at is null and claim_id is null and overdue_at is null
                   and (source in ('local', 'aws') or starting_since is not null)
                 order by starting_since nulls last, id offset $2 limit 1
             )
             select round(percentile_cont(0.5) within group (order by took.seconds - mine.age)
                          filter (where took.seconds > mine.age))::bigint as seconds
             from mine, took"
        )
    });
    let statement = client.prepare_cached(&SQL).await?;
    let row = client.query_one(&statement, &[&pool.as_i64(), &ahead]).await?;
    Ok(row.try_get("seconds")?)
}
