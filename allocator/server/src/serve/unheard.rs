use std::{sync::Arc, time::Duration};

use lablink_core::{
    Scope, aws::CloudMachines, chain, secrets::AwsLogin, tasks::Driver, vms::ask_about_unheard,
};

use super::web_settings::HEARTBEAT;

/// How often to look whether machines in the cloud miss heartbeats.
const EVERY: Duration = Duration::from_secs(5);
/// How many heartbeats a machine may miss before the cloud is asked about it.
const MISSED: u32 = 2;

/// Asks the cloud how machines are whose agents are not heard.
pub fn begin(tasks: &mut Driver, scope: &Scope, api: &Arc<dyn CloudMachines>, aws: &Arc<AwsLogin>) {
    let (scope, api, aws) = (scope.clone(), Arc::clone(api), Arc::clone(aws));
    let does = "Asks AWS how VMs are that miss heartbeats.";
    tasks.begin("silent VMs on AWS", does, EVERY, move || {
        let (scope, api, aws) = (scope.clone(), Arc::clone(&api), Arc::clone(&aws));
        async move {
            let keys = match aws.vault.keys(&scope).await {
                Ok(keys) => keys,
                Err(error) => {
                    let reason = chain(&error);
                    tracing::warn!(reason, "without the typed keys AWS is not asked about VMs");
                    return Ok(0);
                }
            };
            ask_about_unheard(&scope, api.as_ref(), keys.as_ref(), HEARTBEAT * MISSED).await
        }
    });
}
