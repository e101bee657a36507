use crate::{DbError, Scope, ids::OperationId};

/// Keeps how long Terraform took for each VM that this operation has made, with the total where the
/// VM has told the rest already.
pub async fn provisioned(scope: &Scope, id: OperationId) -> Result<(), DbError> {
    let sql = "insert into vm_startup as known
            (vm_id, provisioning_started_at, provisioning_ended_at, provisioning_seconds)
        select vm.id, step.started_at, step.finished_at,
            extract(epoch from step.finished_at - step.started_at)::float8
        from operation_vm as step join vm on vm.hostname = step.hostname
        where step.operation_id = $2 and step.stage = 'done'
            and step.started_at is not null and step.finished_at >= step.started_at
            and vm.pool_id = $1 and vm.removed_at is null
        on conflict (vm_id) do update set
            provisioning_started_at = excluded.provisioning_started_at,
            provisioning_ended_at = excluded.provisioning_ended_at,
            provisioning_seconds = excluded.provisioning_seconds,
            total_seconds = excluded.provisioning_seconds + known.cloud_init_seconds
                + known.container_seconds";
    scope.client().await?.execute(sql, &[&scope.pool.as_i64(), &id]).await?;
    Ok(())
}
