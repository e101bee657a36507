use lablink_protocol::Hostname;

use super::{Ask, Kinds, read};
use crate::{DbError, Scope, events::Change, ids::OperationId, scope::Sent};

/// Why an operation can't be tried again.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    #[error("There is no such operation.")]
    NoSuchOperation,
    #[error("Nothing of this operation is left to be tried again.")]
    NothingLeft,
    #[error("the operation could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(RetryError);

/// Queues what an operation left undone, as its kind sees it.
pub async fn retry(
    scope: &Scope,
    kinds: &Kinds,
    id: OperationId,
) -> Result<OperationId, RetryError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        if let Sent::Again(before) = scope.sent(&*change).await? {
            return Ok(before);
        }
        change.lock_pool().await?;
        let rest = rest(&mut change, kinds, id).await?.ok_or(RetryError::NothingLeft)?;
        let id = rest.queue(&mut change).await?;
        scope.keep(&*change, &id).await?;
        change.commit().await?;
        Ok(id)
    })
}

/// VMs that [`retry`] would try again.
pub async fn undone(
    scope: &Scope,
    kinds: &Kinds,
    id: OperationId,
) -> Result<Vec<Hostname>, DbError> {
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    match rest(&mut change, kinds, id).await {
        Ok(rest) => Ok(rest.map_or_else(Vec::new, |rest| rest.hostnames().to_vec())),
        Err(RetryError::Db(error)) => Err(error),
        Err(RetryError::NoSuchOperation | RetryError::NothingLeft) => Ok(Vec::new()),
    }
}

async fn rest(
    change: &mut Change<'_>,
    kinds: &Kinds,
    id: OperationId,
) -> Result<Option<Ask>, RetryError> {
    let earlier = read::find_in(&**change, change.pool(), id).await?;
    let earlier = earlier.ok_or(RetryError::NoSuchOperation)?;
    Ok(kinds.rest(&earlier.kind, earlier.payload(), change, id).await?)
}
