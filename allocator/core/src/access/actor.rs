use std::{fmt, num::ParseIntError, str::FromStr};

use lablink_protocol::Hostname;

use crate::db::UnknownWord;

/// The caller. Written on every operation, claim and event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Somebody without any credential.
    Anyone,
    /// The agent that holds this VM's token.
    Agent(Hostname),
    /// The agent that holds the token with which somebody else had the VM: good for a new one and for
    /// nothing else.
    OutgoingAgent(Hostname),
    /// An agent without a token, where the organiser allows that (`LABLINK_AGENT_AUTH=open`).
    UnprovenAgent,
    /// The function that hands over the log lines of all VMs (`LABLINK_LOG_TOKEN`).
    Forwarder,
    /// The organiser of the configuration, by user name.
    Admin(String),
    /// Somebody with an account.
    Person(PersonId),
    /// LabLink itself.
    System,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anyone => f.write_str("participant"),
            Self::Agent(hostname) | Self::OutgoingAgent(hostname) => write!(f, "agent:{hostname}"),
            Self::UnprovenAgent => f.write_str("agent"),
            Self::Forwarder => f.write_str("forwarder"),
            Self::Admin(user) => write!(f, "admin:{user}"),
            Self::Person(id) => write!(f, "person:{id}"),
            Self::System => f.write_str("system"),
        }
    }
}

impl FromStr for Actor {
    type Err = UnknownWord;

    /// Reads what [`fmt::Display`] writes; an agent that was on its way out is read as the agent.
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Ok(match text.split_once(':').unwrap_or((text, "")) {
            ("participant", "") => Self::Anyone,
            ("agent", "") => Self::UnprovenAgent,
            ("agent", hostname) => Self::Agent(hostname.parse().map_err(|_invalid| UnknownWord)?),
            ("forwarder", "") => Self::Forwarder,
            ("admin", user) => Self::Admin(user.to_owned()),
            ("person", id) => Self::Person(id.parse().map_err(|_invalid| UnknownWord)?),
            ("system", "") => Self::System,
            _ => return Err(UnknownWord),
        })
    }
}

/// The number of somebody's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PersonId(i64);

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for PersonId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_of_somebody_is_read_again() {
        for actor in [
            Actor::Anyone,
            Actor::Agent("vm-1".parse().unwrap()),
            Actor::UnprovenAgent,
            Actor::Forwarder,
            Actor::Admin("a:b".into()),
            Actor::Person(PersonId(7)),
            Actor::System,
        ] {
            assert_eq!(actor.to_string().parse::<Actor>().unwrap(), actor);
        }
        for text in ["", "somebody", "person:x", "system:x", "agent:not a name"] {
            assert!(text.parse::<Actor>().is_err(), "{text}");
        }
    }
}
