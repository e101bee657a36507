use std::collections::BTreeSet;

use lablink_core::{
    state::{self, Fault, Version},
    vms,
};
use lablink_protocol::Hostname;

use super::{
    Backend, Provisioner, ProvisionerParts, Workspace,
    state::{Doubt, State, StateError, pull},
    stray::{Stray, Swept},
    work_error::WorkError,
};

/// How often the state is read again because machines were noted in it. In between, the agents of
/// others may report.
const MOST_LOOKS: usize = 5;

/// The state as it was found, and what is known beside it.
pub(super) struct Look {
    /// As its backend has it; empty if it can't be read.
    pub raw: Vec<u8>,
    pub state: State,
    /// Machines that are there and that it does not know.
    pub strays: Vec<Stray>,
    /// VMs whose machine in it is not there any more.
    pub gone: BTreeSet<Hostname>,
    /// VMs that exist by all that is known, in the state or not.
    pub existing: BTreeSet<Hostname>,
    pub seen: Option<Version>,
    /// Why it is not to be taken for true, if it is not.
    pub doubt: Option<Doubt>,
}

impl Provisioner {
    /// Reads the state, and takes it only if it is to be taken for true: it is whole, follows from
    /// the one seen last, and lacks no VM that exists. If it lacks only machines that a cut-off run
    /// has certainly made here, these are put into it first.
    pub(super) async fn take(&self, workspace: &Workspace) -> Result<State, WorkError> {
        let ProvisionerParts { scope, .. } = &self.parts;
        let mut look = self.look(workspace).await?;
        for _ in 0..MOST_LOOKS {
            if !self.note_made(workspace, &look).await? {
                break;
            }
            look = self.look(workspace).await?;
        }
        self.tell_of_doubles(&look).await?;
        let Look { raw, state, gone, doubt, .. } = look;
        if let Some(doubt) = doubt {
            return Err(doubt.into());
        }
        // One that was being made anew may come yet, and its name in the state is that of the old one.
        let held: Vec<Hostname> =
            state.hostnames().filter(|it| !gone.contains(it)).cloned().collect();
        state::take_true(scope, state.version.as_ref(), &held).await?;
        vms::note_instances(scope, state.instances()).await?;
        keep(workspace, &state, &raw);
        Ok(state)
    }

    /// Refuses a file that is no state before Terraform reads it.
    pub(super) async fn refuse_unreadable(&self, workspace: &Workspace) -> Result<(), WorkError> {
        if workspace.unreadable_file().is_none() {
            return Ok(());
        }
        match self.look(workspace).await?.doubt {
            Some(doubt) => Err(doubt.into()),
            None => Ok(()),
        }
    }

    /// Reads the state and judges it. Changes nothing.
    pub(super) async fn look(&self, workspace: &Workspace) -> Result<Look, WorkError> {
        let found = match workspace.unreadable_file() {
            Some(unreadable) => Err(unreadable),
            None => pull(workspace).await.and_then(|raw| Ok((State::parse(&raw)?, raw))),
        };
        let (found, raw) = match found {
            Ok((state, raw)) => (Some(state), raw),
            Err(error) if error.is_of_content() => {
                tracing::error!(reason = %error, "what is in the place of Terraform's state is none");
                (None, Vec::new())
            }
            Err(error) => return Err(error.into()),
        };
        let ProvisionerParts { scope, .. } = &self.parts;
        let seen = state::last_seen(scope).await?;
        let none = State::default();
        let Swept { strays, gone } = workspace.sweep(found.as_ref().unwrap_or(&none)).await?;
        let existing = self.existing(&strays).await?;
        let holds = |it: &&Hostname| found.as_ref().is_some_and(|state| state.contains(it));
        let lacking: Vec<Hostname> = existing.iter().filter(|it| !holds(it)).cloned().collect();
        let fault = fault(found.as_ref(), seen.as_ref(), &lacking);
        let state = found.unwrap_or_default();
        let doubt = fault.map(|fault| {
            let (seen, found) = (seen.clone(), state.version.clone());
            Doubt { fault, lacking, seen, found }
        });
        Ok(Look { raw, state, strays, gone, existing, seen, doubt })
    }

    /// VMs that exist by their rows, or by machines that bear this environment's names, unless an
    /// operation that was cut off had them in its hands.
    async fn existing(&self, strays: &[Stray]) -> Result<BTreeSet<Hostname>, WorkError> {
        let ProvisionerParts { scope, workspace, variables, .. } = &self.parts;
        let mut existing = BTreeSet::from_iter(state::existing(scope).await?);
        let machines = workspace.provider.machines(&variables.resource_suffix, strays)?;
        let in_hand = state::in_hand(scope, &machines).await?;
        existing.extend(machines.into_iter().filter(|it| !in_hand.contains(it)));
        Ok(existing)
    }
}

fn fault(found: Option<&State>, seen: Option<&Version>, lacking: &[Hostname]) -> Option<Fault> {
    let Some(found) = found else { return Some(Fault::Unreadable) };
    match (&found.version, seen) {
        (None, Some(_)) => Some(Fault::Empty),
        (None, None) if !lacking.is_empty() => Some(Fault::Empty),
        (Some(found), Some(seen)) if found.lineage != seen.lineage => Some(Fault::OtherHistory),
        (Some(found), Some(seen)) if found.serial < seen.serial => Some(Fault::Older),
        _ if !lacking.is_empty() => Some(Fault::Incomplete),
        _ => None,
    }
}

/// Without a copy the VMs are as safe, only harder to bring back.
fn keep(workspace: &Workspace, state: &State, raw: &[u8]) {
    if state.version.is_some()
        && let Err(error) = workspace.keep_copy(raw)
    {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, "no copy of Terraform's state could be kept");
    }
}

impl Workspace {
    /// What is wrong with the file of the state, if it is one and no state. Terraform can't even be
    /// initialised over such a file.
    pub(super) fn unreadable_file(&self) -> Option<StateError> {
        let Backend::File(path) = &self.backend else { return None };
        // Terraform itself reports a file that can't be read.
        State::parse(&std::fs::read(path).ok()?).err()
    }

    /// Moves what is no state out of the way, for somebody to look at.
    pub(super) fn set_unreadable_aside(&self) -> std::io::Result<()> {
        let Backend::File(path) = &self.backend else { return Ok(()) };
        if self.unreadable_file().is_none() {
            return Ok(());
        }
        let aside = path.with_extension("tfstate.cut-off");
        tracing::warn!(path = %aside.display(), "the state's file is no state: setting it aside");
        std::fs::rename(path, aside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(lineage: &str, serial: i64) -> State {
        let json = serde_json::json!({ "version": 4, "lineage": lineage, "serial": serial });
        State::parse(json.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_state_is_true_if_it_is_whole_and_not_older_and_lacks_nothing() {
        let seen = state("a", 7).version;
        let lacking = ["vm-1".parse().unwrap()];
        for (found, seen, lacking, expected) in [
            (Some(state("a", 7)), seen.as_ref(), &[][..], None),
            (Some(state("a", 8)), seen.as_ref(), &[], None),
            (Some(state("a", 1)), None, &[], None),
            (Some(State::default()), None, &[], None),
            (Some(State::default()), seen.as_ref(), &[], Some(Fault::Empty)),
            (Some(State::default()), None, &lacking, Some(Fault::Empty)),
            (None, None, &[], Some(Fault::Unreadable)),
            (Some(state("b", 9)), seen.as_ref(), &[], Some(Fault::OtherHistory)),
            (Some(state("a", 6)), seen.as_ref(), &[], Some(Fault::Older)),
            (Some(state("a", 8)), seen.as_ref(), &lacking, Some(Fault::Incomplete)),
            (Some(state("a", 1)), None, &lacking, Some(Fault::Incomplete)),
        ] {
            assert_eq!(fault(found.as_ref(), seen, lacking), expected, "{found:?} {seen:?}");
        }
    }
}
