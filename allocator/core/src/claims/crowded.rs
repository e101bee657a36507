//! Claims where the machines of one address are limited.

use super::{
    assign::{Locked, NewClaim, NotAssigned, assign_one, held_by},
    request::{
        ATTEMPTS, Begun, Granted, LINK, Refusal, Request, RequestError, back_in, granted, none_free,
    },
};
use crate::{
    Pin, Scope,
    neighbours::{Neighbours, Origin},
};

/// Gives the caller a VM, or their own one again, unless their address has `most` already. Callers
/// from one address take turns.
pub(super) async fn request(
    scope: &Scope,
    client: &mut crate::db::Client,
    request: &Request<'_>,
    (most, origin): (u32, Origin),
) -> Result<Granted, RequestError> {
    for _ in 0..ATTEMPTS {
        let transaction = client.transaction().await?;
        Neighbours::take_turns(&transaction, &origin).await?;
        let was_sent = scope.before::<Begun>(&transaction).await?.is_some();
        // This comes last: the same request may have got a claim meanwhile.
        if let Some(held) = held_by(&transaction, &scope.pool, request.email).await? {
            drop(transaction);
            match back_in(scope, client, request, held).await? {
                Some(granted) => return Ok(granted),
                None => continue,
            }
        }
        if was_sent {
            return Err(RequestError::Refused(Refusal::Over));
        }
        let person = (most, request.email);
        if !Neighbours::may_claim(&transaction, &scope.pool, &origin, person).await? {
            return Err(RequestError::Refused(Refusal::AddressFull));
        }
        let (pin, link) = (Pin::random(), scope.token(LINK));
        let claim = NewClaim {
            email: request.email.clone(),
            code: request.code(scope),
            pin,
            link: link.hash(),
            origin: Some(origin.clone()),
            once: scope.once.clone(),
        };
        let mut taken = assign_one(&transaction, &scope.pool, &claim, Locked::Skip).await?;
        if matches!(taken, Err(NotAssigned::NoneFree)) {
            taken = assign_one(&transaction, &scope.pool, &claim, Locked::Await).await?;
        }
        match taken {
            Ok(assigned) => {
                transaction.commit().await?;
                return Ok(granted(assigned, claim.pin, link));
            }
            Err(NotAssigned::NoneFree) => break,
            // From another address, just now.
            Err(NotAssigned::AlreadyHolds) => {}
        }
    }
    Err(none_free(client, &scope.pool, request.email).await?)
}
