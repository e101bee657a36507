//! Dry runs: EC2 says whether it would do what is asked, and does not.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;

use super::query::Query;
use crate::{Aws, CallError};

/// The code of "it would have been done".
const ALLOWED: &str = "DryRunOperation";
/// A public key that belongs to nobody.
const SOME_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The start of one machine, to be tried.
#[derive(Clone, Debug)]
pub struct Trial<'a> {
    pub machine_type: &'a str,
    pub image: &'a str,
    /// None: wherever EC2 puts it.
    pub subnet: Option<&'a str>,
    /// None: the VPC's own.
    pub security_group: Option<&'a str>,
    pub root: Option<RootDisk<'a>>,
    pub is_spot: bool,
    pub tags: &'a [(&'a str, &'a str)],
}

/// An encrypted root disk.
#[derive(Clone, Copy, Debug)]
pub struct RootDisk<'a> {
    /// As the image names it.
    pub device: &'a str,
    pub gb: u32,
}

#[derive(Deserialize)]
struct Done {}

impl Aws {
    /// Whether these credentials could start such a machine. EC2 looks at rights, and at whether type,
    /// image, subnet and group go together; not at quotas or capacity. Needs `ec2:RunInstances`, and
    /// `ec2:CreateTags` where there are tags.
    pub async fn try_launch(&self, trial: &Trial<'_>) -> Result<(), CallError> {
        let mut query = Query::new("RunInstances")
            .set("InstanceType", trial.machine_type)
            .set("ImageId", trial.image)
            .set("MinCount", "1")
            .set("MaxCount", "1");
        if let Some(subnet) = trial.subnet {
            query = query.set("SubnetId", subnet);
        }
        if let Some(group) = trial.security_group {
            query = query.set("SecurityGroupId.1", group);
        }
        if let Some(RootDisk { device, gb }) = trial.root {
            query = query
                .set("BlockDeviceMapping.1.DeviceName", device)
                .set("BlockDeviceMapping.1.Ebs.VolumeSize", gb.to_string())
                .set("BlockDeviceMapping.1.Ebs.VolumeType", "gp3")
                .set("BlockDeviceMapping.1.Ebs.Encrypted", "true");
        }
        if trial.is_spot {
            query = query.set("InstanceMarketOptions.MarketType", "spot");
        }
        self.tried(tagged(query, "instance", trial.tags)).await
    }

    /// Whether these credentials could make a security group. Needs `ec2:CreateSecurityGroup` and
    /// `ec2:CreateTags`.
    pub async fn try_security_group(
        &self,
        name: &str,
        vpc: &str,
        tags: &[(&str, &str)],
    ) -> Result<(), CallError> {
        let query = Query::new("CreateSecurityGroup")
            .set("GroupName", name)
            .set("GroupDescription", "Only tried")
            .set("VpcId", vpc);
        self.tried(tagged(query, "security-group", tags)).await
    }

    /// Whether these credentials could bring a key for SSH. Needs `ec2:ImportKeyPair` and
    /// `ec2:CreateTags`.
    pub async fn try_key_pair(&self, name: &str, tags: &[(&str, &str)]) -> Result<(), CallError> {
        let query = Query::new("ImportKeyPair")
            .set("KeyName", name)
            .set("PublicKeyMaterial", BASE64_STANDARD.encode(SOME_KEY));
        self.tried(tagged(query, "key-pair", tags)).await
    }

    async fn tried(&self, query: Query) -> Result<(), CallError> {
        let query = query.set("DryRun", "true");
        match self.ec2::<Done>(&query, None).await {
            Ok(Done {}) => Ok(()),
            Err(CallError::Refused { code, .. }) if code == ALLOWED => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn tagged(mut query: Query, kind: &str, tags: &[(&str, &str)]) -> Query {
    if !tags.is_empty() {
        query = query.set("TagSpecification.1.ResourceType", kind);
    }
    for (at, (key, value)) in tags.iter().enumerate() {
        let tag = format!("TagSpecification.1.Tag.{}", at + 1);
        query = query.set(format!("{tag}.Key"), *key).set(format!("{tag}.Value"), *value);
    }
    query
}
