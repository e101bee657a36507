//! VMs that nobody asked for: their agents need no token and report by themselves.

use super::used::EARLIER_USE;
use crate::{
    DbError, Scope,
    events::{Change, Kind},
};
use std::num::NonZero;

use lablink_protocol::Hostname;

#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    #[error(
        "There are {0} VMs already that nobody asked for (limits.unknown_vms). An organiser can \
         register this machine, or remove others from the pool."
    )]
    TooMany(NonZero<u32>),
    #[error("the VM could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(AdmitError);

/// Makes a row for a VM that has none, as the original does, unless there are as many of this kind as
/// the pool takes in.
pub async fn admit(scope: &Scope, hostname: &Hostname) -> Result<(), AdmitError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let known = "select from vm where hostname = $1 and removed_at is null";
        if client.query_opt(known, &[&hostname.as_str()]).await?.is_some() {
            return Ok(());
        }
        let mut change = Change::begin(scope, &mut client).await?;
        // Simultaneous reports take turns, so that each is counted.
        change.lock_pool().await?;
        if let Some(most) = scope.pool.rules().machines.most_unknown {
            let unknown = "select count(*) from vm
                           where pool_id = $1 and source = 'unknown' and removed_at is null";
            let unknown: i64 =
                change.query_one(unknown, &[&scope.pool.as_i64()]).await?.try_get(0)?;
            if unknown >= i64::from(most.get()) {
                return Err(AdmitError::TooMany(most));
            }
        }
        let sql = format!(
            "insert into vm (pool_id, hostname, source, used_at, last_claim_id, barred_at)
             select $1, $2, 'unknown', earlier.used_at, earlier.last_claim_id, earlier.barred_at
             from (select $2::text as hostname) as one left join {EARLIER_USE}
             on conflict (hostname) where removed_at is null do nothing
             returning id"
        );
        let admitted = change.query_opt(&sql, &[&scope.pool.as_i64(), &hostname.as_str()]).await?;
        if let Some(vm) = admitted {
            change.event(Kind::VmAdmitted).of_vm(vm.try_get("id")?);
        }
        change.commit().await?;
        Ok(())
    })
}
