use serde::{Deserialize, Serialize};

use crate::{ChannelTarget, Hostname};

/// `POST /vm_startup`: an agent waits here for its VM to be claimed.
///
/// With `seen` the caller is ours: the answer comes as soon as the claim differs from what it has
/// seen, else `204` when the time of `Prefer: wait=SECONDS` is over. Without, it is the original
/// client, which waits for one answer however long that takes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WaitRequest {
    pub hostname: Hostname,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// The caller can clean its machine after a participant.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cleans: bool,
    /// The claim after which it cleans just now: it need not be asked again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleaning: Option<i64>,
    /// The caller knows [`WaitAnswer::LockOut`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub locks_out: bool,
    /// The caller knows [`WaitAnswer::Channel`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub channels: bool,
}

/// What an agent has handled last: `{}` before its first claim.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Seen {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_id: Option<i64>,
    /// Counts the commands of that claim from 1: a participant may give a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command_no: Option<i32>,
}

/// The answer to a [`WaitRequest`]. The original client reads only `status`, `command` and `pin`,
/// which must be strings.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum WaitAnswer {
    #[serde(rename = "success")]
    Claimed { command: String, pin: String, claim_id: i64, command_no: i32 },
    /// The claim that the caller has seen is over, and no other has come.
    Released,
    /// The machine waits to be cleaned after this claim, its last. Only for who said that it can.
    Clean { claim_id: i64 },
    /// An organiser has locked out whoever has the machine: its desktop is to end, and nobody is to
    /// get back in. The claim goes on, with a command to come; this counts as one. Only for who said
    /// that it can.
    #[serde(rename = "lock_out")]
    LockOut { claim_id: i64, command_no: i32 },
    /// Somebody waits for a way to this machine: the agent opens a WebSocket at `url`, a path of the
    /// allocator that it waits at, with its token. It is told again until it has. Only for who said
    /// that it knows channels.
    Channel { channel_id: String, target: ChannelTarget, url: String },
}

/// Command and PIN stay out of logs.
impl std::fmt::Debug for WaitAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Claimed { claim_id, command_no, .. } => f
                .debug_struct("Claimed")
                .field("claim_id", claim_id)
                .field("command_no", command_no)
                .finish_non_exhaustive(),
            Self::Released => f.write_str("Released"),
            Self::Clean { claim_id } => {
                f.debug_struct("Clean").field("claim_id", claim_id).finish()
            }
            Self::LockOut { claim_id, command_no } => f
                .debug_struct("LockOut")
                .field("claim_id", claim_id)
                .field("command_no", command_no)
                .finish(),
            Self::Channel { target, .. } => {
                f.debug_struct("Channel").field("target", target).finish_non_exhaustive()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_has_the_keys_that_the_original_client_reads() {
        let answer = WaitAnswer::Claimed {
            command: "c".into(),
            pin: "123456".into(),
            claim_id: 7,
            command_no: 1,
        };
        let json = serde_json::to_value(answer).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"status": "success", "command": "c", "pin": "123456", "claim_id": 7, "command_no": 1})
        );
        assert_eq!(
            serde_json::to_value(WaitAnswer::Released).unwrap(),
            serde_json::json!({"status": "released"})
        );
        assert_eq!(
            serde_json::to_value(WaitAnswer::Clean { claim_id: 7 }).unwrap(),
            serde_json::json!({"status": "clean", "claim_id": 7})
        );
        assert_eq!(
            serde_json::to_value(WaitAnswer::LockOut { claim_id: 7, command_no: 2 }).unwrap(),
            serde_json::json!({"status": "lock_out", "claim_id": 7, "command_no": 2})
        );
        let channel = WaitAnswer::Channel {
            channel_id: "c7".to_owned(),
            target: ChannelTarget::Desktop,
            url: "/api/agent/channels/c7".to_owned(),
        };
        assert_eq!(
            serde_json::to_value(channel).unwrap(),
            serde_json::json!({"status": "channel", "channel_id": "c7", "target": "desktop", "url": "/api/agent/channels/c7"})
        );
    }

    #[test]
    fn who_can_not_clean_does_not_speak_of_it() {
        let hostname: Hostname = "desk".parse().unwrap();
        let mut wait = WaitRequest {
            hostname,
            seen: None,
            cleans: false,
            cleaning: None,
            locks_out: false,
            channels: false,
        };
        assert_eq!(serde_json::to_string(&wait).unwrap(), r#"{"hostname":"desk"}"#);
        wait.cleans = true;
        wait.cleaning = Some(7);
        assert_eq!(
            serde_json::to_value(&wait).unwrap(),
            serde_json::json!({"hostname": "desk", "cleans": true, "cleaning": 7})
        );
    }
}
