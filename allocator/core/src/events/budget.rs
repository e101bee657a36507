//! How many events one VM's agent may bring about: a VM that says now this and now that would
//! otherwise fill the history, and have everybody look again each time.

use crate::{DbError, db::GenericClient, ids::VmId};

/// Within ten minutes: an honest one brings about a few in an hour.
const SOON: i64 = 60;
/// Within a day.
const LATE: i64 = 1_000;

/// Whether this VM's agent has brought about as many as it may. Looks at the VM's newest events
/// only, however long its history is.
pub(super) async fn is_used_up(client: &impl GenericClient, vm_id: VmId) -> Result<bool, DbError> {
    let statement = client
        .prepare_cached(
            "select coalesce((select at > now() - interval '10 minutes' from event
                              where vm_id = $1 and actor like 'agent%'
                              order by id desc offset $2 limit 1), false)
                 or coalesce((select at > now() - interval '1 day' from event
                              where vm_id = $1 and actor like 'agent%'
                              order by id desc offset $3 limit 1), false) as used_up",
        )
        .await?;
    let row = client.query_one(&statement, &[&vm_id, &(SOON - 1), &(LATE - 1)]).await?;
    Ok(row.try_get("used_up")?)
}
