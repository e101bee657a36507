use std::sync::Arc;

use lablink_core::{
    SecretKey,
    aws::{CloudIdentity, CloudMachines},
    preflight::{CloudQuestions, Market, Plan, Preflight},
    secrets::{AwsLogin, Vault},
};

use crate::config::{Config, Environment, ProviderKind};

/// What this allocator has to do with AWS.
pub struct Cloud {
    pub login: Arc<AwsLogin>,
    /// None: launches make no machines there.
    pub launches: Option<Launches>,
}

/// How machines are made in the cloud.
#[derive(Clone)]
pub struct Launches {
    pub preflight: Arc<Preflight>,
    pub machines: Arc<dyn CloudMachines>,
}

impl Cloud {
    /// Does not ask AWS yet.
    pub async fn new(config: &Config, environment: &Environment, key: Option<SecretKey>) -> Self {
        let (identity, launching) = match ways(config).await {
            Some(Ways { identity, questions, machines }) => {
                (Some(identity), Some((questions, machines)))
            }
            None => (None, None),
        };
        let login = Arc::new(AwsLogin::new(identity, Vault::new(key)));
        let launching = launching.filter(|_| config.provider == ProviderKind::Aws);
        let launches = launching.map(|(cloud, machines)| {
            let (plan, aws) = (plan(config, environment.as_str()), Arc::clone(&login));
            Launches { preflight: Arc::new(Preflight { plan, cloud, aws }), machines }
        });
        Self { login, launches }
    }
}

/// One account, asked for different things.
struct Ways {
    identity: Box<dyn CloudIdentity>,
    questions: Box<dyn CloudQuestions>,
    machines: Arc<dyn CloudMachines>,
}

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
    Some(Ways {
        identity: Box::new(account.clone()),
        questions: Box::new(account.clone()),
        machines: Arc::new(account),
    })
}

#[cfg(not(feature = "aws"))]
#[expect(clippy::unused_async, reason = "as its twin with the feature")]
async fn ways(_config: &Config) -> Option<Ways> {
    None
}

/// As `terraform/aws` makes and names things.
fn plan(config: &Config, environment: &str) -> Plan {
    let deployment = config.deployment_name.as_deref();
    let suffix =
        deployment.map_or_else(|| environment.to_owned(), |it| format!("{it}_{environment}"));
    let tags = [
        ("Environment", Some(environment)),
        ("Deployment", deployment),
        ("ManagedBy", Some("lablink-allocator")),
    ];
    let tags =
        tags.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.to_owned())));
    Plan {
        region: config.app.region.clone(),
        machine_type: config.machine.machine_type.clone(),
        image: config.machine.ami_id.clone(),
        root_gb: Some(ROOT_GB),
        market: Market::OnDemand,
        zones: Vec::new(),
        tags: tags.collect(),
        security_group: format!("lablink_client_{suffix}_sg"),
        key_pair: format!("lablink_key_pair_client_{suffix}"),
    }
}

/// The module's own default.
const ROOT_GB: u32 = 80;
