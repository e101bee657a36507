use std::{sync::Arc, time::Duration};

use lablink_core::{
    CloudReboots, Scope,
    collections::Collect,
    operations::{BringBack, Destroy, GiveUp, Lane, Launch, Reboot, Replace},
    secrets::AwsLogin,
    worker::Runners,
};
use lablink_provision::{collect::ZipCollector, terraform::Reboots};

use super::machines::Machines;

/// Every kind of operation, with its runner in this allocator.
pub fn runners(
    scope: &Scope,
    collector: &Arc<ZipCollector>,
    machines: &Machines,
    aws: &Arc<AwsLogin>,
) -> Runners {
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
    let runners = match machines {
        Machines::Local { vms, .. } => {
            let reboots = Arc::new(Reboots { scope: scope.clone(), vms: vms.clone() });
            runners.with::<Reboot>(&reboots)
        }
        Machines::Aws { workspace, .. } => match workspace.cloud_api() {
            Some(cloud) => {
                let (cloud, aws) = (Arc::clone(cloud), Arc::clone(aws));
                let (scope, patience) = (scope.clone(), REBOOT);
                let reboots = Arc::new(CloudReboots { scope, cloud, aws, patience });
                runners.with::<Reboot>(&reboots)
            }
            None => runners.refusing::<Reboot>(NO_VMS),
        },
        Machines::Manual => runners.refusing::<Reboot>(NO_VMS),
    };
    runners.with::<Collect>(collector)
}

/// How long an instance may take to be back.
const REBOOT: Duration = Duration::from_mins(10);
const NO_VMS: &str = "This allocator makes and removes no VMs: its provider is manual.";
