use std::time::Duration;

use lablink_protocol::{
    ClaimResult, Heartbeat, HeartbeatAnswer, Hostname, InUseReport, Seen, StatusReport, VmStatus,
    WaitAnswer, WaitRequest,
};
use reqwest::StatusCode;
use serde::Serialize;

use crate::{
    call_error::CallError,
    credential::Credential,
    transport::{Call, Transport},
};

/// Less than the 60 s after which load balancers cut an idle connection.
const HOLD: Duration = Duration::from_secs(50);

/// The allocator's endpoints, called in this VM's name with the agent's credential.
pub struct Api {
    transport: Transport,
    credential: Credential,
    hostname: Hostname,
}

impl Api {
    pub fn new(transport: Transport, credential: Credential, hostname: Hostname) -> Self {
        Self { transport, credential, hostname }
    }

    pub fn hostname(&self) -> &Hostname {
        &self.hostname
    }

    pub async fn enrol_if_needed(&self) {
        self.credential.obtain(&self.transport).await;
    }

    /// What has changed since `seen`, or `None` when the allocator's patience is over. Its answer
    /// may start with white space, which keeps the connection alive, or be nothing else.
    pub async fn wait(&self, seen: Seen) -> Result<Option<WaitAnswer>, CallError> {
        let body = WaitRequest { hostname: self.hostname.clone(), seen: Some(seen) };
        let call = Call { path: "/vm_startup", body: &body, hold: Some(HOLD) };
        let answer = self.post(&call).await?;
        if answer.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        serde_json::from_slice(&answer).map(Some).map_err(CallError::Unreadable)
    }

    pub async fn report_running(&self) -> Result<(), CallError> {
        let body = StatusReport { hostname: self.hostname.clone(), status: VmStatus::Running };
        self.tell("/api/vm-status", &body).await
    }

    pub async fn report_in_use(&self, status: bool) -> Result<(), CallError> {
        let body = InUseReport { hostname: self.hostname.clone(), status };
        self.tell("/api/update_inuse_status", &body).await
    }

    pub async fn report_claim_result(&self, result: &ClaimResult) -> Result<(), CallError> {
        self.tell("/api/agent/claim-result", result).await
    }

    /// When the next heartbeat is due.
    pub async fn heartbeat(&self) -> Result<Duration, CallError> {
        let body = Heartbeat { hostname: self.hostname.clone() };
        let call = Call { path: "/api/agent/heartbeat", body: &body, hold: None };
        let answer = self.post(&call).await?;
        let answer: HeartbeatAnswer =
            serde_json::from_slice(&answer).map_err(CallError::Unreadable)?;
        Ok(Duration::from_secs(answer.interval_seconds))
    }

    async fn tell(&self, path: &'static str, body: &impl Serialize) -> Result<(), CallError> {
        self.post(&Call { path, body, hold: None }).await.map(drop)
    }

    /// A credential that is refused is renewed, where there is a way, and the call made again.
    async fn post<B: Serialize>(&self, call: &Call<'_, B>) -> Result<Vec<u8>, CallError> {
        let token = self.credential.current().await;
        match self.transport.post(call, token.as_deref()).await {
            Err(refusal) if refusal.status() == Some(StatusCode::UNAUTHORIZED) => {
                match self.credential.renew(&self.transport, token.as_ref()).await? {
                    Some(renewed) => self.transport.post(call, Some(&renewed)).await,
                    None => Err(refusal),
                }
            }
            answered => answered,
        }
    }
}
