use std::{fmt, num::ParseIntError, str::FromStr};

use lablink_protocol::Hostname;

use crate::db::UnknownWord;

/// Who asks. Written on every operation, claim and event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Somebody who showed nothing.
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

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The public pages: the form, one's own claim, health.
    Visit,
    /// To speak as a VM's agent: report, send heartbeats.
    SpeakForVm,
    /// To wait as a VM's agent for its claim, whose command and PIN are handed over there.
    AwaitClaim,
    /// To take a new token for a VM that changes hands.
    RenewToken,
    /// To hand over a VM's log lines.
    ForwardLogs,
    /// To read how a VM is doing.
    ReadVm,
    /// Everything that an organiser does.
    Administer,
}

/// What it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    Pool,
    Vm(&'a Hostname),
}

/// The one place that says who may do what.
pub fn can(actor: &Actor, action: Action, resource: Resource<'_>) -> bool {
    match (action, actor, resource) {
        (_, Actor::System, _) => true,
        (Action::Visit, _, _) => true,
        (Action::SpeakForVm, Actor::Agent(own), Resource::Vm(vm)) => own == vm,
        (Action::SpeakForVm, Actor::UnprovenAgent, _) => true,
        // Which VM an agent may speak for is asked again when the body has named it.
        (Action::SpeakForVm, Actor::Agent(_), Resource::Pool) => true,
        (
            Action::SpeakForVm,
            Actor::Anyone
            | Actor::OutgoingAgent(_)
            | Actor::Forwarder
            | Actor::Admin(_)
            | Actor::Person(_),
            _,
        ) => false,
        (Action::AwaitClaim, _, _) => can(actor, Action::SpeakForVm, resource),
        (Action::RenewToken, Actor::Agent(own) | Actor::OutgoingAgent(own), Resource::Vm(vm)) => {
            own == vm
        }
        (Action::RenewToken, Actor::Agent(_) | Actor::OutgoingAgent(_), Resource::Pool) => true,
        (
            Action::RenewToken,
            Actor::Anyone
            | Actor::UnprovenAgent
            | Actor::Forwarder
            | Actor::Admin(_)
            | Actor::Person(_),
            _,
        ) => false,
        (Action::ForwardLogs, Actor::Forwarder, _) => true,
        (Action::ForwardLogs, _, _) => can(actor, Action::SpeakForVm, resource),
        (Action::ReadVm, Actor::Admin(_) | Actor::UnprovenAgent, _) => true,
        (Action::ReadVm, Actor::Agent(own), Resource::Vm(vm)) => own == vm,
        (Action::ReadVm, Actor::Agent(_), Resource::Pool) => false,
        (
            Action::ReadVm,
            Actor::Anyone | Actor::OutgoingAgent(_) | Actor::Forwarder | Actor::Person(_),
            _,
        ) => false,
        (Action::Administer, Actor::Admin(_), _) => true,
        (
            Action::Administer,
            Actor::Anyone
            | Actor::Agent(_)
            | Actor::OutgoingAgent(_)
            | Actor::UnprovenAgent
            | Actor::Forwarder
            | Actor::Person(_),
            _,
        ) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_speaks_for_its_own_vm_only() {
        let (own, other) = ("vm-1".parse().unwrap(), "vm-2".parse().unwrap());
        let agent = Actor::Agent("vm-1".parse().unwrap());
        assert!(can(&agent, Action::SpeakForVm, Resource::Vm(&own)));
        assert!(!can(&agent, Action::SpeakForVm, Resource::Vm(&other)));
        assert!(can(&agent, Action::ReadVm, Resource::Vm(&own)));
        assert!(!can(&agent, Action::ReadVm, Resource::Pool));
        assert!(!can(&agent, Action::Administer, Resource::Pool));
    }

    #[test]
    fn a_token_of_an_ended_claim_is_good_for_a_new_one_and_nothing_else() {
        let (own, other) = ("vm-1".parse().unwrap(), "vm-2".parse().unwrap());
        let outgoing = Actor::OutgoingAgent("vm-1".parse().unwrap());
        assert!(can(&outgoing, Action::RenewToken, Resource::Vm(&own)));
        assert!(!can(&outgoing, Action::RenewToken, Resource::Vm(&other)));
        for action in [
            Action::SpeakForVm,
            Action::AwaitClaim,
            Action::ForwardLogs,
            Action::ReadVm,
            Action::Administer,
        ] {
            assert!(!can(&outgoing, action, Resource::Vm(&own)), "{action:?}");
        }
        assert!(!can(&Actor::UnprovenAgent, Action::RenewToken, Resource::Vm(&own)));
    }

    #[test]
    fn the_forwarder_hands_over_logs_of_every_vm_and_does_nothing_else() {
        let vm = "vm-1".parse().unwrap();
        assert!(can(&Actor::Forwarder, Action::ForwardLogs, Resource::Vm(&vm)));
        for action in [Action::SpeakForVm, Action::ReadVm, Action::Administer] {
            assert!(!can(&Actor::Forwarder, action, Resource::Vm(&vm)), "{action:?}");
        }
        assert!(!can(&Actor::Admin("a".into()), Action::ForwardLogs, Resource::Vm(&vm)));
    }

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

    #[test]
    fn a_visitor_may_only_visit() {
        assert!(can(&Actor::Anyone, Action::Visit, Resource::Pool));
        for action in [Action::SpeakForVm, Action::ForwardLogs, Action::ReadVm, Action::Administer]
        {
            assert!(!can(&Actor::Anyone, action, Resource::Pool), "{action:?}");
        }
    }
}
