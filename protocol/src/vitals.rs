use serde::{Deserialize, Serialize};

use crate::CloudNotice;

/// How a machine is at one moment. In a heartbeat, what is missing has not changed since the last
/// one that was answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Vitals {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_version: Option<String>,
    /// Differs each time the agent starts, as after a reboot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Of all processors together, since the heartbeat before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(maximum = 255))]
    pub cpu_percent: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(maximum = 255))]
    pub memory_percent: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_total_bytes: Option<u64>,
    /// Of the file system that holds the desktop's home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(maximum = 255))]
    pub disk_percent: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_total_bytes: Option<u64>,
    /// Version of the GPUs' driver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_driver: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpus: Option<Vec<GpuReading>>,
    /// Whether the agent can clean the machine after a participant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleaning: Option<Cleaning>,
    /// How well the agent keeps its token. Who says so takes new ones; older agents do neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<TokenKeeping>,
    /// Whether the agent can end a desktop and wait for another command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locks_out: Option<bool>,
    /// Whether the machine can show its desktop in a browser's tab. Older agents don't say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desktop: Option<BrowserDesktop>,
    /// Only from machines in a cloud.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<CloudNotice>,
}

/// Whether the agent's token is out of the reach of who has the desktop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum TokenKeeping {
    Safe,
    /// Why it is within reach, for the organiser.
    Exposed(String),
}

/// Whether a machine can be cleaned after a participant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Cleaning {
    Possible,
    /// Why not, and what to do about it, for the organiser.
    Impossible(String),
}

/// Whether a machine can show its desktop in a browser's tab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum BrowserDesktop {
    Possible,
    /// Why not, and what to do about it, for the organiser.
    Impossible(String),
}

/// One GPU; what it or its driver does not tell is missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GpuReading {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(maximum = 4294967295u32))]
    pub temperature_celsius: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(maximum = 4294967295u32))]
    pub utilization_percent: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(maximum = 255))]
    pub memory_percent: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_total_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(maximum = 4294967295u32))]
    pub power_watts: Option<u32>,
}

impl Vitals {
    /// What differs from `before`; what is not known now is left out.
    pub fn since(&self, before: &Self) -> Self {
        fn changed<T: Clone + PartialEq>(now: &Option<T>, before: &Option<T>) -> Option<T> {
            if now == before { None } else { now.clone() }
        }
        Self {
            agent_version: changed(&self.agent_version, &before.agent_version),
            run: changed(&self.run, &before.run),
            cpu_percent: changed(&self.cpu_percent, &before.cpu_percent),
            memory_percent: changed(&self.memory_percent, &before.memory_percent),
            memory_total_bytes: changed(&self.memory_total_bytes, &before.memory_total_bytes),
            disk_percent: changed(&self.disk_percent, &before.disk_percent),
            disk_total_bytes: changed(&self.disk_total_bytes, &before.disk_total_bytes),
            gpu_driver: changed(&self.gpu_driver, &before.gpu_driver),
            gpus: changed(&self.gpus, &before.gpus),
            cleaning: changed(&self.cleaning, &before.cleaning),
            token: changed(&self.token, &before.token),
            locks_out: changed(&self.locks_out, &before.locks_out),
            desktop: changed(&self.desktop, &before.desktop),
            notice: changed(&self.notice, &before.notice),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_changed_is_told() {
        let before = Vitals {
            cpu_percent: Some(3),
            disk_percent: Some(40),
            gpus: Some(vec![GpuReading::default()]),
            ..Vitals::default()
        };
        assert_eq!(before.since(&before), Vitals::default());
        let now = Vitals { cpu_percent: Some(4), disk_percent: None, ..before.clone() };
        let json = serde_json::to_value(now.since(&before)).unwrap();
        assert_eq!(json, serde_json::json!({"cpu_percent": 4}));
    }
}
