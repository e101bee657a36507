use std::time::Duration;

use lablink_protocol::{CrdCode, Hostname};

use crate::{
    Db, DbError, Pin, Scope, TokenHash,
    events::{Change, Kind},
    ids::ClaimId,
};

/// The data that an agent needs to connect a participant.
#[derive(Debug)]
pub struct Delivery {
    pub claim_id: ClaimId,
    pub command_no: i32,
    pub code: CrdCode,
    pub pin: Pin,
}

/// The answer to a VM's agent that waits.
#[derive(Debug)]
pub enum Situation {
    Unclaimed {
        /// The claim that has left its traces: the VM waits to be cleaned, if its agent can do
        /// that and the organiser wants it. None of a VM that LabLink makes anew.
        to_clean: Option<ClaimId>,
    },
    Claimed(Delivery),
    /// The claim that the caller's token was for has ended or changed hands: it is to take a new one.
    TokenDue {
        /// The claim that goes on.
        open: Option<ClaimId>,
    },
    /// Another token speaks for the VM now.
    NotTheAgent,
    /// An organiser has locked somebody out: the agent ends the desktop and waits for the next
    /// command.
    LockedOut {
        claim_id: ClaimId,
        command_no: i32,
    },
}

/// The state of a VM's claim for the agent that has shown this token, or none. `None`: there is no
/// such VM. One statement reads token and command, so that an agent that waited for long, or was
/// not woken, never learns another's command.
pub async fn situation(
    db: &Db,
    hostname: &Hostname,
    shown: Option<TokenHash>,
) -> Result<Option<Situation>, DbError> {
    let client = db.client().await?;
    let statement = client
        .prepare_cached(
            "select claim.id, claim.command_no, claim.crd_code, claim.pin,
                    coalesce(claim.lock_out_no = claim.command_no, false) as locked_out,
                    case when vm.used_at is not null and vm.source in ('manual', 'unknown') then
                        (select last.id from claim as last
                         where last.id = vm.last_claim_id and last.clean_failure is null)
                        end as to_clean,
                    case when $2::bytea is null then agent_at is null
                         else coalesce(token_sha256 = $2, false) end as is_agent,
                    $2 is not null and vm.token_due_at is not null as token_due
             from vm left join claim on claim.id = vm.claim_id and claim.released_at is null
                  left join agent_credential on agent_credential.vm_id = vm.id
             where vm.hostname = $1 and vm.removed_at is null",
        )
        .await?;
    let token = shown.as_ref().map(TokenHash::as_bytes);
    let Some(row) = client.query_opt(&statement, &[&hostname.as_str(), &token]).await? else {
        return Ok(None);
    };
    if !row.try_get::<_, bool>("is_agent")? {
        return Ok(Some(Situation::NotTheAgent));
    }
    if row.try_get("token_due")? {
        return Ok(Some(Situation::TokenDue { open: row.try_get("id")? }));
    }
    let Some(claim_id) = row.try_get("id")? else {
        return Ok(Some(Situation::Unclaimed { to_clean: row.try_get("to_clean")? }));
    };
    let command_no = row.try_get("command_no")?;
    if row.try_get("locked_out")? {
        return Ok(Some(Situation::LockedOut { claim_id, command_no }));
    }
    let code: String = row.try_get("crd_code")?;
    Ok(Some(Situation::Claimed(Delivery {
        claim_id,
        command_no,
        code: code.try_into().map_err(|_unknown| DbError::UnknownWord {
            column: "crd_code",
            value: "(not shown)".to_owned(),
        })?,
        pin: Pin::stored(row.try_get("pin")?),
    })))
}

/// Marks the command as fetched by the agent, and returns how long after it was given. Late or
/// repeated calls change nothing and return none.
pub async fn delivered(scope: &Scope, delivery: &Delivery) -> Result<Option<Duration>, DbError> {
    crate::db::again!(async {
        let mut client = scope.client().await?;
        let mut change = Change::begin(scope, &mut client).await?;
        let sql = "update claim set state = 'connecting'
                   where id = $1 and command_no = $2 and state = 'waiting' and released_at is null
                   returning extract(epoch from clock_timestamp() - commanded_at)::float8 as after";
        let row = change.query_opt(sql, &[&delivery.claim_id, &delivery.command_no]).await?;
        let Some(row) = row else { return Ok(None) };
        change.event(Kind::ClaimDelivered).of_claim(delivery.claim_id);
        change.commit().await?;
        Ok(Duration::try_from_secs_f64(row.try_get("after")?).ok())
    })
}
