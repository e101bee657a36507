use std::time::Duration;

use lablink_protocol::{
    ClaimResult, CleanResult, GpuHealth, GpuReport, Heartbeat, HeartbeatAnswer, Hostname,
    InUseReport, KeptCollected, StatusReport, Vitals, VmStatus, WaitAnswer, WaitRequest,
};
use reqwest::{StatusCode, Upgraded};
use serde::{Deserialize, Serialize};

use super::{
    call_error::CallError,
    credential::{Credential, Enrolment},
    log_batch::LogBatch,
    startup_times::StartupTimes,
    transport::{Call, Transport},
    wait_answer,
};

/// Less than the 60 s after which load balancers cut an idle connection.
const HOLD: Duration = Duration::from_secs(50);
const LONGEST_INTERVAL: Duration = Duration::from_secs(3600);

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

    /// Enrols with the enrolment token that was given: one try.
    pub async fn enrol_now(&self) -> anyhow::Result<Enrolment> {
        self.credential.obtain_now(&self.transport).await
    }

    /// Whether there is an agent token; not whether the allocator takes it.
    pub async fn is_enrolled(&self) -> bool {
        self.credential.current().await.is_some()
    }

    /// The allocator's word for how this VM is.
    pub async fn status(&self) -> Result<String, CallError> {
        #[derive(Deserialize)]
        struct Known {
            status: String,
        }
        let path = format!("/api/vm-status/{}", self.hostname);
        let token = self.credential.current().await;
        let answer = self.transport.get(&path, token.as_deref()).await?;
        let known: Known = serde_json::from_slice(&answer).map_err(CallError::Unreadable)?;
        Ok(known.status)
    }

    /// What the caller has not seen yet, or `None` when the allocator's patience is over. Its
    /// answer may start with white space, which keeps the connection alive, or be nothing else.
    pub async fn wait(&self, body: &WaitRequest) -> Result<Option<WaitAnswer>, CallError> {
        let call = Call { path: "/vm_startup", body, hold: Some(HOLD) };
        let answer = match self.post(&call).await {
            // The original's allocator keeps the connection open, in silence, for ever.
            Err(CallError::Unreachable(error)) if error.is_timeout() && !error.is_connect() => {
                return Ok(None);
            }
            answer => answer?,
        };
        if answer.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        wait_answer::read(&answer).map(Some).map_err(CallError::Unreadable)
    }

    /// Trades the agent's token for a new one: see [`Credential::take_new`].
    pub async fn take_new_token(&self) -> Result<(), CallError> {
        self.credential.take_new(&self.transport).await
    }

    /// Opens a WebSocket: see [`Transport::upgrade`].
    pub async fn upgrade(
        &self,
        path: &str,
        key: &str,
        accept: &str,
    ) -> Result<Upgraded, CallError> {
        let token = self.credential.current().await;
        self.transport.upgrade(path, (key, accept), token.as_deref()).await
    }

    pub async fn report_status(&self, status: VmStatus) -> Result<(), CallError> {
        let body = StatusReport { hostname: self.hostname.clone(), status };
        self.tell("/api/vm-status", &body).await
    }

    /// `since`: seconds since 1970.
    pub async fn report_in_use(&self, status: bool, since: u64) -> Result<(), CallError> {
        let body = InUseReport { hostname: self.hostname.clone(), status, since: Some(since) };
        self.tell("/api/update_inuse_status", &body).await
    }

    pub async fn report_gpu(
        &self,
        health: GpuHealth,
        reason: Option<String>,
    ) -> Result<(), CallError> {
        let body = GpuReport::new(self.hostname.clone(), health, reason);
        self.tell("/api/gpu_health", &body).await
    }

    pub async fn report_claim_result(&self, result: &ClaimResult) -> Result<(), CallError> {
        self.tell("/api/agent/claim-result", result).await
    }

    pub async fn report_clean_result(&self, result: &CleanResult) -> Result<(), CallError> {
        self.tell("/api/agent/clean-result", result).await
    }

    pub async fn report_startup(&self, times: &StartupTimes) -> Result<(), CallError> {
        self.tell(&format!("/api/vm-metrics/{}", self.hostname), times).await
    }

    pub async fn send_log(&self, batch: &LogBatch) -> Result<(), CallError> {
        self.tell("/api/vm-logs", &batch.of(&self.hostname)).await
    }

    /// When the next heartbeat is due.
    pub async fn heartbeat(&self, changed: Vitals) -> Result<Duration, CallError> {
        let hostname = self.hostname.clone();
        let body = Heartbeat { hostname, vitals: changed, stopping: false, keeps: None };
        let answer = self.beat(&body).await?;
        // Otherwise an allocator that asks for a long silence would not hear from this VM again.
        Ok(Duration::from_secs(answer.interval_seconds).min(LONGEST_INTERVAL))
    }

    /// What was collected of what the participants of this claim and of those before left.
    pub async fn collected(&self, claim_id: i64) -> Result<Option<KeptCollected>, CallError> {
        let (hostname, vitals) = (self.hostname.clone(), Vitals::default());
        let body = Heartbeat { hostname, vitals, stopping: false, keeps: Some(claim_id) };
        Ok(self.beat(&body).await?.collected)
    }

    async fn beat(&self, body: &Heartbeat) -> Result<HeartbeatAnswer, CallError> {
        let call = Call { path: "/api/agent/heartbeat", body, hold: None };
        serde_json::from_slice(&self.post(&call).await?).map_err(CallError::Unreadable)
    }

    /// The last heartbeat: the VM has nobody now who could serve a claim.
    pub async fn say_goodbye(&self) -> Result<(), CallError> {
        let hostname = self.hostname.clone();
        let body = Heartbeat { hostname, vitals: Vitals::default(), stopping: true, keeps: None };
        self.tell("/api/agent/heartbeat", &body).await
    }

    async fn tell(&self, path: &str, body: &impl Serialize) -> Result<(), CallError> {
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
