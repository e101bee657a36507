use super::{Ask, Asked, Kinds, OperationId, ask, read};
use crate::{
    Actor, Db, DbError,
    db::Transaction,
    once::{Asker, Sent},
    pools::PoolId,
};
use lablink_protocol::Hostname;

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
    db: &Db,
    pool: PoolId,
    kinds: &Kinds,
    asker: impl Into<Asker>,
    id: OperationId,
) -> Result<OperationId, RetryError> {
    let asker = asker.into();
    crate::db::again!(async {
        let mut client = db.client().await?;
        let transaction = client.transaction().await?;
        if let Sent::Again(before) = asker.sent(&transaction, pool).await? {
            return Ok(before);
        }
        ask::lock(&transaction, pool).await?;
        let rest = rest(&transaction, pool, kinds, &asker.actor, id).await?;
        let rest = rest.ok_or(RetryError::NothingLeft)?;
        let id = rest.queue(&transaction, pool, &asker.actor).await?;
        asker.keep(&transaction, pool, &id).await?;
        transaction.commit().await?;
        Ok(id)
    })
}

/// VMs that [`retry`] would try again.
pub async fn undone(
    db: &Db,
    pool: PoolId,
    kinds: &Kinds,
    id: OperationId,
) -> Result<Vec<Hostname>, DbError> {
    let mut client = db.client().await?;
    let transaction = client.transaction().await?;
    match rest(&transaction, pool, kinds, &Actor::System, id).await {
        Ok(rest) => Ok(rest.map_or_else(Vec::new, |rest| rest.hostnames().to_vec())),
        Err(RetryError::Db(error)) => Err(error),
        Err(RetryError::NoSuchOperation | RetryError::NothingLeft) => Ok(Vec::new()),
    }
}

async fn rest(
    transaction: &Transaction<'_>,
    pool: PoolId,
    kinds: &Kinds,
    actor: &Actor,
    id: OperationId,
) -> Result<Option<Ask>, RetryError> {
    let earlier = read::find_in(transaction, pool, id).await?.ok_or(RetryError::NoSuchOperation)?;
    let asked = Asked { pool, id, actor };
    Ok(kinds.rest(&earlier.kind, earlier.payload(), transaction, asked).await?)
}
