use std::time::Duration;

use lablink_protocol::{ClaimOutcome, ClaimResult, CrdCode, Hostname};

use super::{ClaimId, ClaimState};
use crate::{
    Actor, Db, DbError, Pin,
    events::{self, Event},
    pools::PoolId,
};

/// What an agent needs to connect a participant.
#[derive(Debug)]
pub struct Delivery {
    pub claim_id: ClaimId,
    pub command_no: i32,
    pub code: CrdCode,
    pub pin: Pin,
}

/// What a VM's agent finds when it looks.
#[derive(Debug)]
pub enum Situation {
    Unclaimed {
        /// The claim that has left its traces: the VM waits to be cleaned, if its agent can do
        /// that and the organiser wants it. None of a VM that LabLink makes anew.
        to_clean: Option<ClaimId>,
    },
    Claimed(Delivery),
}

/// How things stand for a VM's agent. `None`: there is no such VM.
pub async fn situation(db: &Db, hostname: &Hostname) -> Result<Option<Situation>, DbError> {
    let client = db.client().await?;
    let statement = client
        .prepare_cached(
            "select claim.id, claim.command_no, claim.crd_code, claim.pin,
                    case when vm.used_at is not null and vm.source in ('manual', 'unknown') then
                        (select last.id from claim as last
                         where last.id = vm.last_claim_id and last.clean_failure is null)
                        end as to_clean
             from vm left join claim on claim.id = vm.claim_id and claim.released_at is null
             where vm.hostname = $1 and vm.removed_at is null",
        )
        .await?;
    let Some(row) = client.query_opt(&statement, &[&hostname.as_str()]).await? else {
        return Ok(None);
    };
    let Some(claim_id) = row.try_get("id")? else {
        return Ok(Some(Situation::Unclaimed { to_clean: row.try_get("to_clean")? }));
    };
    let code: String = row.try_get("crd_code")?;
    Ok(Some(Situation::Claimed(Delivery {
        claim_id,
        command_no: row.try_get("command_no")?,
        code: code.try_into().map_err(|_unknown| DbError::UnknownWord {
            column: "crd_code",
            value: "(not shown)".to_owned(),
        })?,
        pin: Pin::stored(row.try_get("pin")?),
    })))
}

/// The claim that an agent reports on is not its VM's current one: it was released, or another
/// command has come since. Nothing to be done about it.
#[derive(Debug, thiserror::Error)]
pub enum NoSuchClaim {
    #[error("this VM holds no such claim, or the claim has a newer command")]
    Superseded,
    #[error("the result could not be written")]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(NoSuchClaim);

/// Marks the command as fetched by the agent, and answers how long after it was given. Late or
/// repeated calls change nothing and answer nothing.
pub async fn delivered(db: &Db, delivery: &Delivery) -> Result<Option<Duration>, DbError> {
    let row = db
        .client()
        .await?
        .query_opt(
            "with changed as (
                 update claim set state = 'connecting'
                 where id = $1 and command_no = $2 and state = 'waiting' and released_at is null
                 returning vm_id, commanded_at
             )
             select extract(epoch from clock_timestamp() - changed.commanded_at)::float8 as after,
                    pg_notify('vm_changed', vm.hostname)::text
             from vm join changed on vm.id = changed.vm_id",
            &[&delivery.claim_id, &delivery.command_no],
        )
        .await?;
    let after: Option<f64> = row.map(|row| row.try_get("after")).transpose()?;
    Ok(after.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()))
}

/// Stores how connecting the participant went.
pub async fn report(
    db: &Db,
    pool: PoolId,
    actor: &Actor,
    result: &ClaimResult,
) -> Result<(), NoSuchClaim> {
    let (state, kind) = match result.outcome {
        ClaimOutcome::Connected => (ClaimState::Connected, "claim.connected"),
        ClaimOutcome::Failed => (ClaimState::Failed, "claim.failed"),
    };
    // Bounded: it is shown on pages.
    let detail: Option<String> = result.detail.as_deref().map(|d| d.chars().take(500).collect());
    let mut client = db.client().await?;
    let transaction = client.transaction().await?;
    let vm = transaction
        .query_opt(
            "with changed as (
                 update claim set state = $4, detail = $5
                 where id = $1 and command_no = coalesce($2, command_no) and released_at is null
                   and vm_id = (select id from vm where hostname = $3 and removed_at is null)
                 returning vm_id
             )
             select vm.id, pg_notify('vm_changed', vm.hostname)::text
             from vm join changed on vm.id = changed.vm_id",
            &[
                &result.claim_id,
                &result.command_no,
                &result.hostname.as_str(),
                &state.as_str(),
                &detail,
            ],
        )
        .await?
        .ok_or(NoSuchClaim::Superseded)?;
    let event = Event {
        vm_id: Some(vm.try_get("id")?),
        claim_id: Some(result.claim_id),
        data: serde_json::json!({ "detail": detail }),
        ..Event::new(actor, kind)
    };
    events::record(&transaction, pool, event).await?;
    transaction.commit().await?;
    Ok(())
}
