use std::sync::Arc;

use lablink_core::{
    Scope,
    collections::Collect,
    operations::{BringBack, Destroy, GiveUp, Lane, Launch, Reboot, Replace},
    worker::Runners,
};
use lablink_provision::{collect::ZipCollector, terraform::Reboots};

use super::machines::Machines;

/// Every kind of operation, with its runner in this allocator.
pub fn runners(scope: &Scope, collector: &Arc<ZipCollector>, machines: &Machines) -> Runners {
    let runners = Runners::default();
    let runners = match machines.provisioner() {
        Some(provisioner) => {
            let idle = Arc::clone(provisioner);
            runners
                .with::<Launch>(provisioner)
                .with::<Destroy>(provisioner)
                .with::<Replace>(provisioner)
                .with::<BringBack>(provisioner)
                .with::<GiveUp>(provisioner)
                .while_idle(Lane::MACHINES, move |stop| {
                    let provisioner = Arc::clone(&idle);
                    async move { provisioner.while_idle(stop).await }
                })
        }
        None => runners
            .refusing::<Launch>(NO_VMS)
            .refusing::<Destroy>(NO_VMS)
            .refusing::<Replace>(NO_VMS)
            .refusing::<BringBack>(NO_VMS)
            .refusing::<GiveUp>(NO_VMS),
    };
    let runners = match machines.local() {
        Some(vms) => {
            let reboots = Arc::new(Reboots { scope: scope.clone(), vms: vms.clone() });
            runners.with::<Reboot>(&reboots)
        }
        None => runners.refusing::<Reboot>("This allocator has no local VMs."),
    };
    runners.with::<Collect>(collector)
}

const NO_VMS: &str = "This allocator makes and removes no VMs: its provider is manual.";
