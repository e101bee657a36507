use std::sync::Arc;

use anyhow::Result;
use lablink_core::aws::CloudMachines;

use crate::config::Config;

/// What AWS is asked about machines.
#[cfg(feature = "aws")]
pub async fn cloud_machines(config: &Config) -> Result<Arc<dyn CloudMachines>> {
    let found = lablink_aws::Found { region: Some(config.app.region.clone()), profile: None };
    let account = lablink_aws::Account::find(found, None).await;
    Ok(Arc::new(account))
}

/// Not reached: such a program refuses the provider.
#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "as its twin with the feature")]
pub async fn cloud_machines(_config: &Config) -> Result<Arc<dyn CloudMachines>> {
    anyhow::bail!("this lablink-allocator was built without AWS: build it with the feature 'aws'")
}
