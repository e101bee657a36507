//! The beginning of an operation: it leaves out VMs that have changed since it was asked for.

use super::{
    Lease, LeaseError, Standing, Target,
    targets::{recount, targets_in},
};
use crate::{DbError, db::GenericClient, events::Change, ids::OperationId, vms};

impl Lease {
    /// Decides which VMs the operation works on, and returns all its targets. If the operation
    /// removes machines, it leaves out VMs that somebody else has claimed since. Idempotent.
    pub async fn begin(&self) -> Result<Vec<Target>, LeaseError> {
        let mut client = self.scope.client().await?;
        let mut change = Change::begin(&self.scope, &mut client).await?;
        self.decide(&mut change).await?;
        let targets = targets_in(&*change, self.id).await?;
        change.commit().await?;
        Ok(targets)
    }

    /// The same, for machines that are to be made anew: they get new rows here, so that their claims
    /// end before anything is done to them.
    pub async fn begin_anew(&self) -> Result<Vec<Target>, LeaseError> {
        let mut client = self.scope.client().await?;
        let mut change = Change::begin(&self.scope, &mut client).await?;
        self.decide(&mut change).await?;
        begin_replacements(&mut change, self.id).await?;
        recount(&mut change, self.id).await?;
        let targets = targets_in(&*change, self.id).await?;
        change.commit().await?;
        Ok(targets)
    }

    async fn decide(&self, change: &mut Change<'_>) -> Result<(), LeaseError> {
        change.lock_pool().await?;
        let sql = "select removes from operation
                   where id = $1 and attempt = $2 and state = 'running' for no key update";
        let mine = change.query_opt(sql, &[&self.id, &self.attempt]).await?;
        let removes = mine.ok_or(LeaseError::Lost)?.try_get("removes")?;
        // This writes the targets of an older allocator's operation.
        recount(change, self.id).await?;
        if removes {
            leave_out(&**change, self.id).await?;
            recount(change, self.id).await?;
        }
        Ok(())
    }
}

const CLAIMED: &str = "Somebody has claimed it since this was asked for.";

async fn leave_out(client: &impl GenericClient, id: OperationId) -> Result<(), DbError> {
    // Their rows are locked, so nobody claims one of them before the commit.
    let sql = "with present as (
                   select vm.id, vm.claim_id
                   from operation_target as target join vm on vm.id = target.vm_id
                   where target.operation_id = $1 and vm.removed_at is null
                   order by vm.id for no key update of vm
               )
               update operation_target as target set left_out = $2 from present
               where target.operation_id = $1 and target.vm_id = present.id
                 and present.claim_id is not null
                 and present.claim_id is distinct from target.claim_id";
    client.execute(sql, &[&id, &CLAIMED]).await?;
    Ok(())
}

async fn begin_replacements(change: &mut Change<'_>, id: OperationId) -> Result<(), DbError> {
    for target in targets_in(&**change, id).await? {
        if target.standing != Standing::Included {
            continue;
        }
        let successor = vms::begin_replacement(change, target.vm_id).await?;
        let sql = "update operation_target set successor_id = $3
                   where operation_id = $1 and vm_id = $2";
        change.execute(sql, &[&id, &target.vm_id, &successor]).await?;
    }
    Ok(())
}
