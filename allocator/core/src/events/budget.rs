//! How many events one VM's agent may cause. Otherwise a VM that flips its state could fill the
//! history, and wake everybody each time.

use crate::{DbError, db::GenericClient, ids::VmId};

/// Within ten minutes. An honest agent causes a few in an hour.
const SOON: i64 = 60;
/// Within a day.
const LATE: i64 = 1_000;

/// Whether this VM's agent has used up its budget. Reads only the VM's newest events, however long
/// its history is.
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
