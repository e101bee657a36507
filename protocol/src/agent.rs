use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{GpuHealth, Hostname, Vitals};

/// `POST /api/agent/enrol`: trades a one-time enrolment token for the agent's own token.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Enrol {
    pub hostname: Hostname,
    pub enrolment_token: String,
}

impl fmt::Debug for Enrol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enrol").field("hostname", &self.hostname).finish_non_exhaustive()
    }
}

/// Answer to [`Enrol`] and [`RenewToken`]: the token that the agent sends as bearer from now on.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Enrolled {
    pub agent_token: String,
}

impl fmt::Debug for Enrolled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enrolled").finish_non_exhaustive()
    }
}

/// `POST /api/agent/token`, answered with [`Enrolled`]: the VM's claim has ended, and the token that
/// is sent along is traded for a new one. It dies when that one is used.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RenewToken {
    pub hostname: Hostname,
}

/// `POST /api/agent/heartbeat`: the agent lives; what changed rides along.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Heartbeat {
    pub hostname: Hostname,
    #[serde(flatten)]
    pub vitals: Vitals,
    /// The agent's last: it has been told to stop. Its next one takes that back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopping: bool,
    /// The agent would delete what the participant of this claim left, and of those before: it
    /// asks whether their results are in an archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeps: Option<i64>,
}

/// When the next heartbeat is due.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HeartbeatAnswer {
    pub interval_seconds: u64,
    /// The answer to `keeps`; absent: nothing was collected since this machine was cleaned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collected: Option<KeptCollected>,
}

/// What participants left on a machine, as far as it lay in `directory`, was read after the
/// cleaning that followed this claim, and all that was found is in an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KeptCollected {
    /// This claim's and those before.
    pub claim_id: i64,
    pub directory: String,
}

/// `POST /api/agent/claim-result`: how connecting the participant went.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ClaimResult {
    pub hostname: Hostname,
    pub claim_id: i64,
    /// Which of the claim's commands; without it, the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_no: Option<i32>,
    pub outcome: ClaimOutcome,
    /// A sentence for the participant and the organiser; without secrets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Of a failure: whose it is. Without it, the command's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ClaimOutcome {
    Connected,
    Failed,
    /// The desktop has ended, as [`crate::WaitAnswer::LockOut`] asked for.
    #[serde(rename = "locked_out")]
    LockedOut,
}

/// `POST /api/agent/clean-result`: how cleaning the machine went.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CleanResult {
    pub hostname: Hostname,
    /// The claim after which it was to be cleaned.
    pub claim_id: i64,
    pub outcome: CleanOutcome,
    /// Why it failed, for the organiser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum CleanOutcome {
    Cleaned,
    Failed,
}

/// Why a participant could not be connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Fault {
    /// The remote desktop can't run here, whatever the command.
    Machine,
    /// The command is used up, too old, or somebody else's.
    Command,
}

/// `POST /api/update_inuse_status`: whether the subject software runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InUseReport {
    pub hostname: Hostname,
    pub status: bool,
    /// When that began, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u64>,
}

/// `POST /api/gpu_health`. The original client sends a word, the analysis a bool: both are read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GpuReport {
    pub hostname: Hostname,
    #[serde(with = "gpu_wire")]
    pub gpu_status: GpuHealth,
    /// What `gpu_status` can't say, in the word for pages and the database: `degraded`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// Why, in words, unless all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl GpuReport {
    pub fn new(hostname: Hostname, health: GpuHealth, reason: Option<String>) -> Self {
        let verdict = Some(health.as_str().to_owned());
        Self { hostname, gpu_status: health, verdict, reason }
    }

    /// The verdict, or what the original's word says.
    pub fn health(&self) -> GpuHealth {
        let verdict = self.verdict.as_deref().and_then(|word| word.parse().ok());
        verdict.unwrap_or(self.gpu_status)
    }
}

mod gpu_wire {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::GpuHealth;

    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a word or true or false")]
    enum Wire {
        Word(String),
        Flag(bool),
    }

    pub fn serialize<S: Serializer>(health: &GpuHealth, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(health.as_wire())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<GpuHealth, D::Error> {
        let word = match Wire::deserialize(from)? {
            Wire::Word(word) => word,
            Wire::Flag(flag) => flag.to_string(),
        };
        GpuHealth::from_wire(&word)
            .ok_or_else(|| D::Error::custom("gpu_status must be 'Healthy', 'Unhealthy' or 'N/A'"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gpu_status_is_a_word_or_a_flag() {
        let read = |status: &str| {
            let json = format!(r#"{{"hostname": "a", "gpu_status": {status}}}"#);
            serde_json::from_str::<GpuReport>(&json).map(|report| report.gpu_status)
        };
        assert_eq!(read("\"healthy\"").unwrap(), GpuHealth::Healthy);
        assert_eq!(read("\"N/A\"").unwrap(), GpuHealth::None);
        assert_eq!(read("false").unwrap(), GpuHealth::Unhealthy);
        assert!(read("\"fine\"").is_err());
        assert!(read("3").is_err());
    }

    #[test]
    fn a_verdict_that_the_original_has_no_word_for_rides_along() {
        let hostname: Hostname = "a".parse().unwrap();
        let report = GpuReport::new(hostname, GpuHealth::Degraded, Some("hot".to_owned()));
        let json = serde_json::to_value(&report).unwrap();
        let wire = serde_json::json!({
            "hostname": "a", "gpu_status": "Healthy", "verdict": "degraded", "reason": "hot",
        });
        assert_eq!(json, wire);
        let read: GpuReport = serde_json::from_value(wire).unwrap();
        assert_eq!(read.health(), GpuHealth::Degraded);
    }

    #[test]
    fn a_heartbeat_without_news_is_a_name() {
        let hostname: Hostname = "a".parse().unwrap();
        let beat = Heartbeat { hostname, vitals: Vitals::default(), stopping: false, keeps: None };
        assert_eq!(serde_json::to_string(&beat).unwrap(), r#"{"hostname":"a"}"#);
        let read: Heartbeat = serde_json::from_str(r#"{"hostname":"a","cpu_percent":7}"#).unwrap();
        assert_eq!(read.vitals.cpu_percent, Some(7));
    }
}
