use lablink_protocol::{CrdCode, Hostname};

use crate::{
    DbError, Email, Pin, Scope, Token,
    claims::{self, KeptFor, NewClaim, NotAssigned},
    db::{self, GenericClient},
    events::{Change, Touch},
    ids::PlaceId,
};

/// The result of a command for an offered VM.
#[derive(Debug)]
pub enum ClaimKept {
    /// The VM is the participant's; the place's token opens the claim's page now.
    Claimed(Hostname),
    /// No VM is kept for this place (any more). Its page says how it stands.
    NothingKept,
}

/// Turns an offer into a claim. Without a command, the VM must show its desktop in a tab.
pub async fn claim(
    scope: &Scope,
    token: &Token,
    code: Option<&CrdCode>,
) -> Result<ClaimKept, DbError> {
    let tab = || CrdCode::for_tab(Token::random().reveal());
    let code = code.cloned().unwrap_or_else(tab);
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        let kept = change
            .query_opt(
                "select place.id, place.email, place.person, place.origin
                 from vm join place on place.id = vm.place_id
                 where vm.pool_id = $1 and place.token_sha256 = $2 and place.ended_at is null
                 for no key update of vm",
                &[&scope.pool.as_i64(), &token.hash().as_bytes()],
            )
            .await?;
        let Some(kept) = kept else { return taken_before(&*change, token).await };
        let place: PlaceId = kept.try_get("id")?;
        let email = Email::stored(kept.try_get("email")?, kept.try_get("person")?);
        let origin = kept.try_get("origin")?;
        let (pin, link) = (Pin::random(), token.hash());
        let claim = NewClaim { email, code: code.clone(), pin, link, origin, once: None };
        match claims::assign_kept(&*change, &scope.pool, &claim, KeptFor(place)).await? {
            Ok(assigned) => {
                change.touch(Touch::Line);
                change.commit().await?;
                tracing::info!(
                    claim.id = i64::from(assigned.claim_id),
                    vm.hostname = %assigned.hostname,
                    "claimed from the line"
                );
                Ok(ClaimKept::Claimed(assigned.hostname))
            }
            // The VM is not fit any more. At its next look, the place is first in line again.
            Err(NotAssigned::NoneFree | NotAssigned::AlreadyHolds) => Ok(ClaimKept::NothingKept),
        }
    })
}

/// The claim that this place got a moment ago, as by the first of two clicks.
async fn taken_before(client: &impl GenericClient, token: &Token) -> Result<ClaimKept, DbError> {
    let sql = "select vm.hostname from claim_link join claim on claim.id = claim_link.claim_id
                                       join vm on vm.id = claim.vm_id
               where claim_link.token_sha256 = $1 and claim.released_at is null";
    let row = client.query_opt(sql, &[&token.hash().as_bytes()]).await?;
    Ok(match row {
        Some(row) => ClaimKept::Claimed(db::word(&row, "hostname")?),
        None => ClaimKept::NothingKept,
    })
}
