use lablink_protocol::{CrdCode, Hostname};
use tokio_postgres::Row;

use crate::{
    Db, DbError, Pin, TokenHash,
    db::{Question, Together},
    ids::ClaimId,
};

/// The data that an agent needs to connect a participant.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub claim_id: ClaimId,
    pub command_no: i32,
    pub code: CrdCode,
    pub pin: Pin,
    /// The VM's agent can show its desktop in a tab.
    pub offers_desktop: bool,
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

/// What an agent that looks at its VM finds.
#[derive(Debug)]
pub struct Sight {
    pub situation: Situation,
    /// A channel waits for being dialled.
    pub has_channel: bool,
}

/// Agents that look at their VMs. Those that are woken at the same moment, by claims that were
/// written together, look together. One for each process; clones are the same one.
#[derive(Clone, Default)]
pub struct Looks(Together<Look>);

#[derive(Clone)]
struct Look {
    db: Db,
    hostname: Hostname,
    shown: Option<TokenHash>,
}

impl Looks {
    /// The state of a VM's claim for the agent that has shown this token, or none. `None`: there is
    /// no such VM.
    pub async fn look(
        &self,
        db: &Db,
        hostname: &Hostname,
        shown: Option<TokenHash>,
    ) -> Result<Option<Sight>, DbError> {
        let look = Look { db: db.clone(), hostname: hostname.clone(), shown };
        match self.0.ask(&look).await? {
            Some(sight) => Ok(sight),
            None => Ok(Look::ask(&[look]).await?.pop().flatten()),
        }
    }
}

/// One statement reads token and command, so that an agent that waited for long, or was not woken,
/// never learns another's command.
const LOOK: &str = "
    select asked.nr - 1 as nr, claim.id, claim.command_no, claim.crd_code, claim.pin,
           vm.offers_desktop,
           coalesce(claim.lock_out_no = claim.command_no, false) as locked_out,
           case when vm.used_at is not null and vm.source in ('manual', 'unknown') then
               (select last.id from claim as last
                where last.id = vm.last_claim_id and last.clean_failure is null)
               end as to_clean,
           case when asked.token is null then agent_at is null
                else coalesce(token_sha256 = asked.token, false) end as is_agent,
           asked.token is not null and vm.token_due_at is not null as token_due,
           exists (select from channel where channel.vm_id = vm.id and channel.expires_at > now()
                       and (channel.told_at is null or channel.told_at < now() - interval '2 s'))
               as has_channel
    from unnest($1::text[], $2::bytea[]) with ordinality as asked(hostname, token, nr)
         join vm on vm.hostname = asked.hostname and vm.removed_at is null
         left join claim on claim.id = vm.claim_id and claim.released_at is null
         left join agent_credential on agent_credential.vm_id = vm.id";

impl Question for Look {
    type Answer = Option<Sight>;

    /// One answers while the agents of the next ones wake up.
    const AT_WORK: usize = 2;
    const TOGETHER: usize = 256;

    fn goes_with(&self, _other: &Self) -> bool {
        true
    }

    async fn ask(looks: &[Self]) -> Result<Vec<Option<Sight>>, DbError> {
        let Some(Self { db, .. }) = looks.first() else { return Ok(Vec::new()) };
        let client = db.client().await?;
        let statement = client.prepare_cached(LOOK).await?;
        let hostnames: Vec<&str> = looks.iter().map(|look| look.hostname.as_str()).collect();
        let tokens: Vec<_> =
            looks.iter().map(|look| look.shown.as_ref().map(TokenHash::as_bytes)).collect();
        let mut sights: Vec<Option<Sight>> = looks.iter().map(|_look| None).collect();
        for row in client.query(&statement, &[&hostnames, &tokens]).await? {
            let nr: i64 = row.try_get("nr")?;
            if let Some(of_look) = usize::try_from(nr).ok().and_then(|nr| sights.get_mut(nr)) {
                let has_channel = row.try_get("has_channel")?;
                *of_look = Some(Sight { situation: Situation::of(&row)?, has_channel });
            }
        }
        Ok(sights)
    }
}

impl Situation {
    fn of(row: &Row) -> Result<Self, DbError> {
        if !row.try_get::<_, bool>("is_agent")? {
            return Ok(Self::NotTheAgent);
        }
        if row.try_get("token_due")? {
            return Ok(Self::TokenDue { open: row.try_get("id")? });
        }
        let Some(claim_id) = row.try_get("id")? else {
            return Ok(Self::Unclaimed { to_clean: row.try_get("to_clean")? });
        };
        let command_no = row.try_get("command_no")?;
        if row.try_get("locked_out")? {
            return Ok(Self::LockedOut { claim_id, command_no });
        }
        let code: String = row.try_get("crd_code")?;
        Ok(Self::Claimed(Delivery {
            claim_id,
            command_no,
            code: code.try_into().map_err(|_unknown| DbError::UnknownWord {
                column: "crd_code",
                value: "(not shown)".to_owned(),
            })?,
            pin: Pin::stored(row.try_get("pin")?),
            offers_desktop: row.try_get("offers_desktop")?,
        }))
    }
}
