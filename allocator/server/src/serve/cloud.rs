use std::sync::Arc;

use lablink_core::{
    SecretKey,
    aws::CloudIdentity,
    preflight::{CloudQuestions, Market, Plan, Preflight},
    secrets::{AwsLogin, Vault},
};

use crate::config::{Config, Environment, ProviderKind};

/// What this allocator has to do with AWS.
pub struct Cloud {
    pub login: Arc<AwsLogin>,
    /// None: launches make no machines there.
    pub preflight: Option<Arc<Preflight>>,
}

impl Cloud {
    /// Does not ask AWS yet.
    pub async fn new(config: &Config, environment: &Environment, key: Option<SecretKey>) -> Self {
        let (identity, questions) = ways(config).await.unzip();
        let login = Arc::new(AwsLogin::new(identity, Vault::new(key)));
        let launches = config.provider == ProviderKind::Aws;
        let preflight = questions.filter(|_| launches).map(|cloud| {
            let plan = plan(config, environment.as_str());
            Arc::new(Preflight { plan, cloud, aws: Arc::clone(&login) })
        });
        Self { login, preflight }
    }
}

type Ways = (Box<dyn CloudIdentity>, Box<dyn CloudQuestions>);

#[cfg(feature = "aws")]
async fn ways(config: &Config) -> Option<Ways> {
    use lablink_aws::{Account, Found, Role};

    let found =
        Found { region: Some(config.app.region.clone()), profile: config.aws.profile.clone() };
    let role = config.aws.role_arn.clone().map(|arn| Role {
        arn,
        external_id: config.aws.external_id.clone(),
        session_name: "lablink".to_owned(),
    });
    let account = Account::find(found, role).await;
    Some((Box::new(account.clone()), Box::new(account)))
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "as its twin with the feature")]
async fn ways(_config: &Config) -> Option<Ways> {
    None
}

/// As `terraform/aws` makes and names things.
fn plan(config: &Config, environment: &str) -> Plan {
    let tags = [("Environment", environment), ("ManagedBy", "lablink-allocator")];
    Plan {
        region: config.app.region.clone(),
        machine_type: config.machine.machine_type.clone(),
        image: config.machine.ami_id.clone(),
        root_gb: Some(ROOT_GB),
        market: Market::OnDemand,
        zones: Vec::new(),
        tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        security_group: format!("lablink_client_{environment}_sg"),
        key_pair: format!("lablink_key_pair_client_{environment}"),
    }
}

/// The module's own default.
const ROOT_GB: u32 = 80;
