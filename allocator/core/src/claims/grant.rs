use super::{
    crowded,
    intake::Intake,
    request::{Granted, Request, RequestError, alone},
};
use crate::{Scope, db::again};

/// Gives the caller a VM, or their own one again, however many ask at once.
pub async fn request(
    scope: &Scope,
    intake: &Intake,
    request: &Request<'_>,
) -> Result<Granted, RequestError> {
    again!(async {
        let scope = &request.scope(scope);
        if let Some(most) = scope.pool.rules().claiming.per_address.claims {
            let mut client = scope.client().await?;
            if let Some(origin) = request.neighbours.origin(&client, &scope.pool).await? {
                return crowded::request(scope, &mut client, request, (most, origin)).await;
            }
        }
        alone(scope, intake, request).await
    })
}
