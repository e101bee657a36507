use std::sync::Arc;

use lablink_config::{Config, Environment, ProviderKind};
use lablink_core::{
    SecretKey,
    aws::{CloudIdentity, CloudMachines},
    preflight::{CloudQuestions, Market, Plan, Preflight},
    secrets::{AwsLogin, Vault},
};

/// What this allocator has to do with AWS.
pub struct Cloud {
    pub login: Arc<AwsLogin>,
    /// None: launches make no machines there.
    pub preflight: Option<Arc<Preflight>>,
    /// None where the allocator was built without AWS.
    pub machines: Option<Arc<dyn CloudMachines>>,
}

impl Cloud {
    /// Does not ask AWS yet.
    pub async fn new(config: &Config, environment: &Environment, key: Option<SecretKey>) -> Self {
        let Ways { identity, questions, machines } = ways(config).await;
        let login = Arc::new(AwsLogin::new(identity, Vault::new(key)));
        let launches = config.provider == ProviderKind::Aws;
        let preflight = questions.filter(|_| launches).map(|cloud| {
            let plan = plan(config, environment.as_str());
            Arc::new(Preflight { plan, cloud, aws: Arc::clone(&login) })
        });
        Self { login, preflight, machines }
    }
}

/// What AWS can be asked. All or nothing.
#[derive(Default)]
struct Ways {
    identity: Option<Box<dyn CloudIdentity>>,
    questions: Option<Box<dyn CloudQuestions>>,
    machines: Option<Arc<dyn CloudMachines>>,
}

#[cfg(feature = "aws")]
async fn ways(config: &Config) -> Ways {
    use lablink_aws::{Account, Found, Role};

    let found =
        Found { region: Some(config.app.region.clone()), profile: config.aws.profile.clone() };
    let role = config.aws.role_arn.clone().map(|arn| Role {
        arn,
        external_id: config.aws.external_id.clone(),
        session_name: "lablink".to_owned(),
    });
    let account = Account::find(found, role).await;
    Ways {
        identity: Some(Box::new(account.clone())),
        questions: Some(Box::new(account.clone())),
        machines: Some(Arc::new(account)),
    }
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "as its twin with the feature")]
async fn ways(_config: &Config) -> Ways {
    Ways::default()
}

/// As `terraform/aws` makes and names things.
fn plan(config: &Config, environment: &str) -> Plan {
    let machine = &config.machine;
    let tags = [("Environment", environment), ("ManagedBy", "lablink-allocator")];
    let deployment = config.deployment_name.as_deref();
    let tags = tags.into_iter().chain(deployment.map(|name| ("Deployment", name)));
    let suffix = deployment.into_iter().chain([environment]).collect::<Vec<_>>().join("_");
    Plan {
        region: config.app.region.clone(),
        machine_type: machine.machine_type.clone(),
        image: machine.ami_id.clone(),
        other_types: machine.other_machine_types.clone(),
        root_gb: Some(machine.root_volume_gb),
        market: if machine.spot { Market::Spot } else { Market::OnDemand },
        zones: machine.zones.clone(),
        tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        security_group: format!("lablink_client_{suffix}_sg"),
        key_pair: format!("lablink_key_pair_client_{suffix}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_about_is_what_would_be_made() {
        let config = "machine: {machine_type: g5.xlarge, other_machine_types: [g4dn.xlarge], \
                      zones: [us-west-2b], spot: true, root_volume_gb: 120}";
        let plan = plan(&Config::parse(config).unwrap(), "test");
        assert_eq!((plan.market, plan.root_gb), (Market::Spot, Some(120)));
        assert_eq!(plan.zones, ["us-west-2b"]);
        assert_eq!(plan.types().collect::<Vec<_>>(), ["g5.xlarge", "g4dn.xlarge"]);
        let usual = super::plan(&Config::parse("").unwrap(), "test");
        assert_eq!((usual.market, usual.root_gb), (Market::OnDemand, Some(80)));
    }
}
