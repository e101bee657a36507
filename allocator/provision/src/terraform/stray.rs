//! Instances that Terraform's state does not know.

use std::collections::BTreeSet;

use lablink_core::{
    aws::{AwsKeys, CloudError},
    operations::OperationId,
};
use lablink_protocol::Hostname;

use super::{AwsVms, state::State};

/// A machine that is there, and that Terraform's state does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stray {
    pub id: String,
    pub hostname: Hostname,
    /// What made it, as its tag says.
    pub operation: Option<OperationId>,
    pub standing: StrayStanding,
}

/// What the state says of a stray's VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StrayStanding {
    /// Nothing.
    Unknown,
    /// It names an instance that is gone.
    Gone,
    /// It names another instance, which is there as well.
    Double,
}

/// What is there, against what a state says.
#[derive(Debug, Default)]
pub(super) struct Swept {
    pub strays: Vec<Stray>,
    /// VMs whose machine in the state is not there any more.
    pub gone: BTreeSet<Hostname>,
}

impl AwsVms {
    /// Compares the instances of this deployment with its state.
    pub(super) async fn sweep(
        &self,
        keys: Option<&AwsKeys>,
        state: &State,
    ) -> Result<Swept, CloudError> {
        let machines = self.api.machines(keys, &self.owner).await?;
        let there: BTreeSet<&str> = machines.iter().map(|it| &*it.id).collect();
        let known = |name: &Hostname| state.instances().find(|(known, _)| *known == name);
        let strays = machines.iter().filter_map(|machine| {
            // What has no hostname of ours is nobody's VM.
            let hostname = machine.name.parse().ok()?;
            let standing = match known(&hostname) {
                Some((_, known)) if known.id == machine.id => return None,
                Some((_, known)) if there.contains(&*known.id) => StrayStanding::Double,
                Some(_) => StrayStanding::Gone,
                None => StrayStanding::Unknown,
            };
            let operation = machine.operation.as_deref().and_then(|id| id.parse().ok());
            Some(Stray { id: machine.id.clone(), hostname, operation, standing })
        });
        let gone = state.instances().filter(|(_, known)| !there.contains(&*known.id));
        Ok(Swept { strays: strays.collect(), gone: gone.map(|(name, _)| name.clone()).collect() })
    }
}
