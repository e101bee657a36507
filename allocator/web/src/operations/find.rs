//! One operation, as it is or as it ends.

use lablink_core::{
    Scope,
    live::Topic,
    operations::{self, Operation, OperationId},
};

use crate::{AppState, http::Problem};

pub async fn find(scope: &Scope, id: OperationId) -> Result<Operation, Problem> {
    let operation = operations::find(scope, id).await?;
    operation.ok_or_else(|| Problem::not_found("There is no such operation."))
}

/// Waits until it is over.
pub async fn ended(state: &AppState, scope: &Scope, id: OperationId) -> Result<Operation, Problem> {
    let mut changes = state.hub.subscribe(Topic::Operation(id));
    loop {
        let operation = find(scope, id).await?;
        if operation.state.is_over() {
            return Ok(operation);
        }
        tokio::select! {
            () = changes.changed() => {}
            () = state.shutdown.cancelled() => {
                return Err(Problem::try_again("stopping", "This allocator is stopping; the operation's page tells its end.", 5));
            }
        }
    }
}
