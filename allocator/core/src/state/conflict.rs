use crate::{
    DbError, Scope,
    db::{self, GenericClient},
    events::{Change, Touch},
    ids::OperationId,
    pools::Pool,
    text_enum::text_enum,
};
use lablink_protocol::Hostname;

text_enum! {
    /// What is wrong with a state that was refused.
    pub enum Fault {
        /// The file is gone or empty.
        Empty = "empty",
        /// The file is cut off, or not a state that this version knows.
        Unreadable = "unreadable",
        /// It does not follow from the one that was seen last.
        OtherHistory = "other_history",
        /// It is from before the one that was seen last.
        Older = "older",
        /// It lacks VMs, and that alone.
        Incomplete = "incomplete",
    }
}

/// What an operation found wrong with Terraform's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    pub fault: Fault,
    /// VMs that exist according to their rows, and that the state lacks.
    pub hostnames: Vec<Hostname>,
    /// A later look found nothing wrong any more.
    pub solved: bool,
}

/// Notes what an operation found.
pub async fn record_conflict(
    scope: &Scope,
    operation: OperationId,
    fault: Fault,
    lacking: &[Hostname],
) -> Result<(), DbError> {
    let names: Vec<&str> = lacking.iter().map(Hostname::as_str).collect();
    let sql = "insert into state_conflict (operation_id, pool_id, fault, hostnames)
               values ($1, $2, $3, $4)
               on conflict (operation_id) do update set fault = excluded.fault,
                   hostnames = excluded.hostnames, found_at = now(), solved_at = null";
    let client = scope.client().await?;
    client.execute(sql, &[&operation, &scope.pool.as_i64(), &fault.as_str(), &names]).await?;
    Ok(())
}

/// What this operation found wrong, if anything.
pub async fn conflict_of(
    scope: &Scope,
    operation: OperationId,
) -> Result<Option<Conflict>, DbError> {
    conflict_in(&scope.client().await?, &scope.pool, operation).await
}

pub(crate) async fn conflict_in(
    client: &impl GenericClient,
    pool: &Pool,
    operation: OperationId,
) -> Result<Option<Conflict>, DbError> {
    let sql = "select fault, hostnames, solved_at is not null as solved from state_conflict
               where operation_id = $2 and pool_id = $1";
    let Some(row) = client.query_opt(sql, &[&pool.as_i64(), &operation]).await? else {
        return Ok(None);
    };
    let names: Vec<String> = row.try_get("hostnames")?;
    let hostnames = names.into_iter().map(|name| {
        name.parse().map_err(|_invalid| DbError::UnknownWord { column: "hostnames", value: name })
    });
    Ok(Some(Conflict {
        fault: db::word(&row, "fault")?,
        hostnames: hostnames.collect::<Result<_, _>>()?,
        solved: row.try_get("solved")?,
    }))
}

/// Notes that nothing is wrong any more.
pub(super) async fn solve(change: &mut Change<'_>) -> Result<(), DbError> {
    let sql = "update state_conflict set solved_at = now()
               where pool_id = $1 and solved_at is null
               returning operation_id";
    for solved in change.query(sql, &[&change.pool().as_i64()]).await? {
        change.touch(Touch::Operation(solved.try_get("operation_id")?));
    }
    Ok(())
}
