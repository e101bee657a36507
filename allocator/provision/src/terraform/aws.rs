use std::{collections::BTreeMap, ffi::OsString, fmt, path::PathBuf, sync::Arc};

use lablink_core::aws::{CloudMachines, Owner};
use serde_json::json;

/// EC2 instances: what the `terraform/aws` module needs to know besides the runtime variables, and
/// what AWS itself is asked about them.
#[derive(Clone)]
pub struct AwsVms {
    pub startup_script: Option<StartupScript>,
    /// Whose the instances are.
    pub owner: Owner,
    pub instances: Instances,
    pub api: Arc<dyn CloudMachines>,
}

/// What new instances are made of, besides the runtime variables. Those that exist stay as they are.
#[derive(Clone, Debug)]
pub struct Instances {
    /// EC2 types that may stand in for the wanted one, in this order.
    pub other_types: Vec<String>,
    /// Where they may be. Empty: in every zone that offers their type.
    pub zones: Vec<String>,
    /// None: on demand.
    pub spot: Option<Spot>,
    /// The size of the root disk.
    pub root_gb: u32,
    /// ARN of the key that disks are encrypted with. None: the account's own.
    pub kms_key: Option<String>,
    pub public_address: bool,
}

/// The spot market.
#[derive(Clone, Debug)]
pub struct Spot {
    /// In USD an hour. None: the price on demand.
    pub max_price: Option<String>,
}

impl Instances {
    pub(super) fn admit(&self, zone: &str) -> bool {
        self.zones.is_empty() || self.zones.iter().any(|it| it == zone)
    }

    /// As Terraform reads what is no text: JSON is HCL as well.
    fn variables(&self) -> Vec<(&'static str, OsString)> {
        let Self { other_types, zones, spot, root_gb, kms_key, public_address } = self;
        let mut variables = vec![
            ("TF_VAR_other_machine_types", json!(other_types).to_string().into()),
            ("TF_VAR_availability_zones", json!(zones).to_string().into()),
            ("TF_VAR_root_volume_gb", root_gb.to_string().into()),
            ("TF_VAR_assign_public_ip", public_address.to_string().into()),
        ];
        if let Some(Spot { max_price }) = spot {
            let max_price = max_price.iter().map(|price| ("max_price", price));
            let spot = json!(max_price.collect::<BTreeMap<_, _>>());
            variables.push(("TF_VAR_spot", spot.to_string().into()));
        }
        if let Some(arn) = kms_key {
            variables.push(("TF_VAR_kms_key_id", arn.into()));
        }
        variables
    }
}

/// The organiser's script, which VMs run before they are ready.
#[derive(Clone, Debug)]
pub struct StartupScript {
    pub path: PathBuf,
    /// How often it is tried.
    pub attempts: u32,
    /// A command that must end with 0 after it; empty: none.
    pub success_check: String,
}

impl AwsVms {
    pub(super) fn variables(&self) -> Vec<(&'static str, OsString)> {
        let mut variables = self.instances.variables();
        if let Some(StartupScript { path, attempts, success_check }) = &self.startup_script {
            variables.push(("TF_VAR_custom_startup_script_path", path.into()));
            variables.push(("TF_VAR_startup_attempts", attempts.to_string().into()));
            variables.push(("TF_VAR_startup_success_check", success_check.into()));
        }
        if let Some(name) = &self.owner.deployment {
            variables.push(("TF_VAR_deployment_name", name.into()));
        }
        variables
    }
}

impl fmt::Debug for AwsVms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsVms").field("owner", &self.owner).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_instances_are_made_of_reaches_the_module() {
        let plain = Instances {
            other_types: Vec::new(),
            zones: Vec::new(),
            spot: None,
            root_gb: 80,
            kms_key: None,
            public_address: true,
        };
        let told = |instances: &Instances| {
            let told = instances.variables().into_iter();
            told.map(|(name, value)| format!("{}={}", &name["TF_VAR_".len()..], value.display()))
                .collect::<Vec<String>>()
        };
        assert_eq!(
            told(&plain),
            [
                "other_machine_types=[]",
                "availability_zones=[]",
                "root_volume_gb=80",
                "assign_public_ip=true"
            ]
        );
        let own = Instances {
            other_types: vec!["g5.xlarge".to_owned()],
            zones: vec!["us-west-2a".to_owned()],
            spot: Some(Spot { max_price: Some("0.25".to_owned()) }),
            root_gb: 120,
            kms_key: Some("arn".to_owned()),
            public_address: false,
        };
        assert_eq!(
            told(&own),
            [
                r#"other_machine_types=["g5.xlarge"]"#,
                r#"availability_zones=["us-west-2a"]"#,
                "root_volume_gb=120",
                "assign_public_ip=false",
                r#"spot={"max_price":"0.25"}"#,
                "kms_key_id=arn",
            ]
        );
        let market = Instances { spot: Some(Spot { max_price: None }), ..plain };
        assert!(told(&market).contains(&"spot={}".to_owned()));
    }
}
