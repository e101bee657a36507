//! Reports of agents on machines that LabLink did not make: how cleaning after a claim went.

use lablink_protocol::{CleanOutcome, CleanResult, Hostname};

use crate::{
    DbError, Scope,
    db::again,
    events::{Change, Kind},
    ids::VmId,
    line,
    scope::Sent,
};

/// Why a report about cleaning, or a wish to clean again, is refused.
#[derive(Debug, thiserror::Error)]
pub enum NotToClean {
    #[error(
        "this VM does not wait to be cleaned after that claim: it was cleaned, handed out again or \
         taken out of the pool meanwhile"
    )]
    Superseded,
    #[error("Cleaning this VM has not failed, so there is nothing to try again.")]
    NotFailed,
    #[error("the result could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(NotToClean);

/// Stores how cleaning went. A clean machine can be claimed, and goes to the first in line in the
/// same transaction. Late or repeated results change nothing.
pub async fn cleaned(scope: &Scope, result: &CleanResult) -> Result<(), NotToClean> {
    // Bounded: it is shown on pages.
    let detail: Option<String> = result.detail.as_deref().map(|it| it.chars().take(500).collect());
    again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        let vm = change
            .query_opt(
                "select id from vm
                 where pool_id = $1 and hostname = $2 and removed_at is null and claim_id is null
                   and used_at is not null and last_claim_id = $3 and source in ('manual', 'unknown')
                 for no key update",
                &[&scope.pool.as_i64(), &result.hostname.as_str(), &result.claim_id],
            )
            .await?
            .ok_or(NotToClean::Superseded)?;
        let id: VmId = vm.try_get("id")?;
        let (kind, failure) = match result.outcome {
            CleanOutcome::Cleaned => {
                change.execute("update vm set used_at = null where id = $1", &[&id]).await?;
                (Kind::VmCleaned, None)
            }
            CleanOutcome::Failed => {
                let unsaid = || "its agent does not say why".to_owned();
                (Kind::VmCleanFailed, Some(detail.clone().unwrap_or_else(unsaid)))
            }
        };
        change
            .execute(
                "update claim set clean_failure = $2,
                     cleaned_at = case when $2::text is null then now() end where id = $1",
                &[&result.claim_id, &failure],
            )
            .await?;
        change
            .event(kind)
            .of_vm(id)
            .of_claim(result.claim_id.into())
            .with(serde_json::json!({ "detail": failure }));
        line::serve(&mut change).await?;
        change.commit().await?;
        Ok(())
    })
}

/// Has the agent clean the machine again, after a failure.
pub async fn clean_again(scope: &Scope, hostname: &Hostname) -> Result<(), NotToClean> {
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    if let Sent::Again(before) = scope.sent(&*change).await? {
        return Ok(before);
    }
    let vm = change
        .query_opt(
            "with waiting as (
                 select id, last_claim_id from vm
                 where pool_id = $1 and hostname = $2 and removed_at is null and claim_id is null
                   and used_at is not null and source in ('manual', 'unknown')
             ), forgotten as (
                 update claim set clean_failure = null from waiting
                 where claim.id = waiting.last_claim_id and clean_failure is not null
                 returning claim.id
             )
             select waiting.id
             from waiting, forgotten",
            &[&scope.pool.as_i64(), &hostname.as_str()],
        )
        .await?
        .ok_or(NotToClean::NotFailed)?;
    change.event(Kind::VmCleanAgain).of_vm(vm.try_get("id")?);
    scope.keep(&*change, &()).await?;
    change.commit().await?;
    Ok(())
}
