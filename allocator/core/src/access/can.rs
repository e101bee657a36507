use lablink_protocol::Hostname;

use super::{Actor, Permission, Role};

/// What the caller asks for.
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
    /// Something that people and VMs may do, a VM only about itself.
    ReadVm(Permission),
    /// Something that only people may do.
    Do(Permission),
}

/// What the action is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    Pool,
    Vm(&'a Hostname),
}

/// Somebody, with the roles that they have at the resource.
#[derive(Clone, Copy, Debug)]
pub struct Grants<'a> {
    pub actor: &'a Actor,
    pub roles: &'a [Role],
}

impl<'a> Grants<'a> {
    /// The configuration's organiser has the role *owner*. Nobody else has a role yet.
    pub fn of(actor: &'a Actor) -> Self {
        let roles: &[Role] = match actor {
            Actor::Admin(_) => &[Role::Owner],
            _ => &[],
        };
        Self { actor, roles }
    }

    fn allow(&self, permission: Permission) -> bool {
        self.roles.iter().any(|role| role.allows(permission))
    }
}

/// The one place that says who may do what.
pub fn can(grants: &Grants<'_>, action: Action, resource: Resource<'_>) -> bool {
    match (action, grants.actor, resource) {
        (_, Actor::System, _) => true,
        (Action::Visit, _, _) => true,
        (Action::SpeakForVm | Action::AwaitClaim, Actor::Agent(own), Resource::Vm(vm)) => own == vm,
        (Action::SpeakForVm | Action::AwaitClaim, Actor::UnprovenAgent, _) => true,
        // Which VM an agent may speak for is asked again when the body has named it.
        (Action::SpeakForVm | Action::AwaitClaim, Actor::Agent(_), Resource::Pool) => true,
        (Action::RenewToken, Actor::Agent(own) | Actor::OutgoingAgent(own), Resource::Vm(vm)) => {
            own == vm
        }
        (Action::RenewToken, Actor::Agent(_) | Actor::OutgoingAgent(_), Resource::Pool) => true,
        (Action::ForwardLogs, Actor::Forwarder, _) => true,
        (Action::ForwardLogs, _, _) => can(grants, Action::SpeakForVm, resource),
        (Action::ReadVm(_), Actor::UnprovenAgent, _) => true,
        (Action::ReadVm(_), Actor::Agent(own), Resource::Vm(vm)) => own == vm,
        (Action::ReadVm(permission) | Action::Do(permission), _, _) => grants.allow(permission),
        (Action::SpeakForVm | Action::AwaitClaim | Action::RenewToken, _, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_AGENTS: [Action; 4] =
        [Action::SpeakForVm, Action::AwaitClaim, Action::RenewToken, Action::ForwardLogs];

    fn of_people() -> impl Iterator<Item = Action> {
        Permission::ALL.iter().flat_map(|it| [Action::ReadVm(*it), Action::Do(*it)])
    }

    fn may(actor: &Actor, action: Action, resource: Resource<'_>) -> bool {
        can(&Grants::of(actor), action, resource)
    }

    #[test]
    fn an_agent_speaks_for_its_own_vm_only() {
        let (own, other) = ("vm-1".parse().unwrap(), "vm-2".parse().unwrap());
        let agent = Actor::Agent("vm-1".parse().unwrap());
        for action in OF_AGENTS.into_iter().chain([Action::ReadVm(Permission::LogView)]) {
            assert!(may(&agent, action, Resource::Vm(&own)), "{action:?}");
            assert!(!may(&agent, action, Resource::Vm(&other)), "{action:?}");
        }
        for action in of_people() {
            assert!(!may(&agent, action, Resource::Pool), "{action:?}");
        }
    }

    #[test]
    fn a_token_of_an_ended_claim_is_good_for_a_new_one_and_nothing_else() {
        let (own, other) = ("vm-1".parse().unwrap(), "vm-2".parse().unwrap());
        let outgoing = Actor::OutgoingAgent("vm-1".parse().unwrap());
        assert!(may(&outgoing, Action::RenewToken, Resource::Vm(&own)));
        assert!(!may(&outgoing, Action::RenewToken, Resource::Vm(&other)));
        for action in OF_AGENTS.into_iter().chain(of_people()) {
            let allowed = action == Action::RenewToken;
            assert_eq!(may(&outgoing, action, Resource::Vm(&own)), allowed, "{action:?}");
        }
        assert!(!may(&Actor::UnprovenAgent, Action::RenewToken, Resource::Vm(&own)));
    }

    #[test]
    fn the_forwarder_hands_over_logs_of_every_vm_and_does_nothing_else() {
        let vm = "vm-1".parse().unwrap();
        for action in OF_AGENTS.into_iter().chain(of_people()) {
            let allowed = action == Action::ForwardLogs;
            assert_eq!(may(&Actor::Forwarder, action, Resource::Vm(&vm)), allowed, "{action:?}");
        }
    }

    #[test]
    fn a_visitor_and_a_person_without_a_role_may_only_visit() {
        for actor in [Actor::Anyone, "person:7".parse().unwrap()] {
            assert!(may(&actor, Action::Visit, Resource::Pool));
            for action in OF_AGENTS.into_iter().chain(of_people()) {
                assert!(!may(&actor, action, Resource::Pool), "{actor}: {action:?}");
            }
        }
    }

    #[test]
    fn the_organiser_of_the_configuration_does_what_people_do() {
        let admin = Actor::Admin("a".into());
        assert!(of_people().all(|action| may(&admin, action, Resource::Pool)));
        assert!(OF_AGENTS.into_iter().all(|action| !may(&admin, action, Resource::Pool)));
    }

    #[test]
    fn each_permission_is_granted_by_a_role_below_the_owner_or_is_the_owners_alone() {
        let owners: Vec<Permission> = Permission::ALL
            .iter()
            .copied()
            .filter(|it| Role::ALL.iter().filter(|role| role.allows(*it)).count() == 1)
            .collect();
        assert_eq!(owners, [Permission::CloudKeysEdit]);
    }
}
