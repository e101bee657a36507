use std::{sync::Arc, time::Duration};

use lablink_protocol::{Enrol, Enrolled, Hostname, RenewToken};
use tokio::{sync::Mutex, time::Instant};
use tracing::{error, info};

use super::{
    EnrolmentToken,
    backoff::Backoff,
    call_error::CallError,
    retry::Trouble,
    transport::{Call, Transport},
};
use crate::state_dir::StateDir;

const FILE: &str = "agent-token";
/// How long an enrolment token that was refused is left alone.
const REFUSED: Duration = Duration::from_secs(60);

pub type AgentToken = Arc<str>;

/// How [`Credential::obtain_now`] ended.
pub enum Enrolment {
    Done,
    /// There is a token, and no enrolment token that another could be had for.
    Before,
}

/// The agent's own token, and how to get one.
pub struct Credential {
    hostname: Hostname,
    enrolment: EnrolmentToken,
    state: StateDir,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    agent_token: Option<AgentToken>,
    refused: Option<(String, Instant)>,
}

impl Credential {
    /// With the token that an earlier run stored, if any.
    pub fn load(
        hostname: Hostname,
        enrolment: EnrolmentToken,
        state: StateDir,
    ) -> anyhow::Result<Self> {
        let agent_token = stored(&state)?;
        let held = Mutex::new(Held { agent_token, refused: None });
        Ok(Self { hostname, enrolment, state, held })
    }

    pub async fn current(&self) -> Option<AgentToken> {
        self.held.lock().await.agent_token.clone()
    }

    /// Enrols when there is no agent token yet; tries until the allocator can be reached. Without
    /// an enrolment token, or with one that is refused, the agent goes on with no credential,
    /// which is enough for an allocator whose agent authentication is open.
    pub async fn obtain(&self, transport: &Transport) {
        let mut trouble = Trouble::new("enrolling");
        let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
        loop {
            let mut held = self.held.lock().await;
            if held.agent_token.is_some() {
                return;
            }
            match self.enrol(&mut held, transport).await {
                Ok(()) => return,
                Err(error) => {
                    trouble.goes_on(&error);
                    drop(held);
                    tokio::time::sleep(backoff.pause_of_at_least(error.retry_after())).await;
                }
            }
        }
    }

    /// Enrols with the enrolment token that was given, once.
    pub async fn obtain_now(&self, transport: &Transport) -> anyhow::Result<Enrolment> {
        let held = self.held.lock().await;
        match self.enrolment.read()? {
            Some(token) => {
                let enrolled = self.trade(transport, token).await?;
                self.state.write(FILE, &enrolled.agent_token)?;
                Ok(Enrolment::Done)
            }
            None if held.agent_token.is_some() => Ok(Enrolment::Before),
            None => anyhow::bail!(
                "no enrolment token: give the one from the organiser's page in \
                 LABLINK_ENROLMENT_TOKEN, or in a file with --enrolment-token-file"
            ),
        }
    }

    /// Another token for the one that was just refused, if there is a way to get one.
    pub async fn renew(
        &self,
        transport: &Transport,
        refused: Option<&AgentToken>,
    ) -> Result<Option<AgentToken>, CallError> {
        let mut held = self.held.lock().await;
        // Another call may have renewed it meanwhile, or a person who called `enrol`.
        if held.agent_token.as_ref() == refused {
            match stored(&self.state).ok().flatten().filter(|token| Some(token) != refused) {
                Some(token) => held.agent_token = Some(token),
                None => self.enrol(&mut held, transport).await?,
            }
        }
        Ok(held.agent_token.clone().filter(|token| Some(token) != refused))
    }

    /// Trades the token for a new one, because the VM's claim has ended or changed hands. It is on the
    /// disk before it is used: an agent that was killed in between finds it there, or fetches another
    /// with the old one, which stays good until the new one was used.
    ///
    /// Only the task that waits for claims may call this, and not during a wait: a wait that arrives
    /// with the old token after the new one was used looks like a thief's.
    pub async fn take_new(&self, transport: &Transport) -> Result<(), CallError> {
        let mut held = self.held.lock().await;
        let body = RenewToken { hostname: self.hostname.clone() };
        let call = Call { path: "/api/agent/token", body: &body, hold: None };
        let answer = transport.post(&call, held.agent_token.as_deref()).await?;
        let new: Enrolled = serde_json::from_slice(&answer).map_err(CallError::Unreadable)?;
        let stored = self.state.write(FILE, &new.agent_token);
        stored.map_err(|problem| CallError::NotStored(format!("{problem:#}")))?;
        held.agent_token = Some(new.agent_token.into());
        info!("the agent has a new token, as the allocator asked");
        Ok(())
    }

    /// `Err` only where trying again soon makes sense.
    async fn enrol(&self, held: &mut Held, transport: &Transport) -> Result<(), CallError> {
        let Some(enrolment_token) = self.enrolment_token(held) else { return Ok(()) };
        match self.trade(transport, enrolment_token.clone()).await {
            Ok(enrolled) => {
                info!("enrolled");
                self.keep(held, enrolled);
            }
            Err(refusal) if refusal.is_final() => {
                error!(
                    "the enrolment token was refused, make a new one for this VM: {}",
                    refusal.chain()
                );
                held.refused = Some((enrolment_token, Instant::now()));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    async fn trade(
        &self,
        transport: &Transport,
        enrolment_token: String,
    ) -> Result<Enrolled, CallError> {
        let body = Enrol { hostname: self.hostname.clone(), enrolment_token };
        let call = Call { path: "/api/agent/enrol", body: &body, hold: None };
        let answer = transport.post(&call, None).await?;
        serde_json::from_slice(&answer).map_err(CallError::Unreadable)
    }

    fn enrolment_token(&self, held: &Held) -> Option<String> {
        let token = self.enrolment.read().unwrap_or_else(|problem| {
            error!("{problem:#}");
            None
        })?;
        let lately_refused = held
            .refused
            .as_ref()
            .is_some_and(|(refused, at)| *refused == token && at.elapsed() < REFUSED);
        (!lately_refused).then_some(token)
    }

    fn keep(&self, held: &mut Held, enrolled: Enrolled) {
        if let Err(problem) = self.state.write(FILE, &enrolled.agent_token) {
            error!("{problem:#}; after a restart this agent will need a new enrolment token");
        }
        *held = Held { agent_token: Some(enrolled.agent_token.into()), refused: None };
    }
}

fn stored(state: &StateDir) -> anyhow::Result<Option<AgentToken>> {
    let token = state.read(FILE)?;
    Ok(token.map(|token| token.trim().into()).filter(|token: &AgentToken| !token.is_empty()))
}
