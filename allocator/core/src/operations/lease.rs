use std::time::Duration;

use crate::{DbError, Scope, ids::OperationId};

/// How long a lease lasts without being renewed, and how often its holder renews it.
pub const LEASE: Duration = Duration::from_secs(20);
pub const RENEW_EVERY: Duration = Duration::from_secs(5);

#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Another worker has taken over, or the operation is over: stop, and touch nothing.
    #[error("the operation's lease was lost")]
    Lost,
    #[error("the operation could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(LeaseError);

/// The right to work on an operation. A worker writes everything through it.
pub struct Lease {
    pub(super) scope: Scope,
    pub(super) id: OperationId,
    pub(super) attempt: i32,
}

impl Lease {
    pub fn operation_id(&self) -> OperationId {
        self.id
    }

    /// Keeps the lease for another [`LEASE`]. Returns whether somebody has asked for a stop.
    pub async fn renew(&self) -> Result<bool, LeaseError> {
        let row = self
            .scope
            .client()
            .await?
            .query_opt(
                "update operation set lease_expires_at = now() + make_interval(secs => $3::float8)
                 where id = $1 and attempt = $2 and state = 'running'
                 returning cancel_requested_at is not null as cancelling",
                &[&self.id, &self.attempt, &LEASE.as_secs_f64()],
            )
            .await?
            .ok_or(LeaseError::Lost)?;
        Ok(row.try_get("cancelling")?)
    }

    /// The operation that this one follows, if that did not succeed.
    pub(crate) async fn unmet(&self) -> Result<Option<OperationId>, DbError> {
        let sql = "select first.id from operation join operation as first
                       on first.id = operation.after_id
                   where operation.id = $1 and first.state <> 'succeeded'";
        let first = self.scope.client().await?.query_opt(sql, &[&self.id]).await?;
        first.map(|row| Ok(row.try_get("id")?)).transpose()
    }
}
