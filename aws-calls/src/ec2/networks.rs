use serde::Deserialize;

use super::query::{Items, Page, Query};
use crate::{Aws, CallError};

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subnet {
    #[serde(rename = "subnetId")]
    pub id: String,
    pub vpc_id: String,
    #[serde(rename = "availabilityZone")]
    pub zone: String,
    /// Whether it is its zone's own in the default VPC.
    #[serde(rename = "defaultForAz", default)]
    pub is_default: bool,
    /// How many addresses are free in it.
    #[serde(rename = "availableIpAddressCount", default)]
    pub free: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroup {
    #[serde(rename = "groupId")]
    pub id: String,
    #[serde(rename = "groupName")]
    pub name: String,
    #[serde(default)]
    pub vpc_id: String,
}

impl Aws {
    /// The subnets of a VPC; none named: those of the default one. Needs `ec2:DescribeSubnets`.
    pub async fn subnets(&self, vpc: Option<&str>) -> Result<Vec<Subnet>, CallError> {
        let query = Query::new("DescribeSubnets");
        let query = match vpc {
            Some(vpc) => query.filter("vpc-id", &[vpc]),
            None => query.filter("default-for-az", &["true"]),
        };
        self.ec2_all::<Subnets>(query).await
    }

    /// The groups of this name, one per VPC at most. Needs `ec2:DescribeSecurityGroups`.
    pub async fn security_groups(&self, name: &str) -> Result<Vec<SecurityGroup>, CallError> {
        let query = Query::new("DescribeSecurityGroups").filter("group-name", &[name]);
        self.ec2_all::<Groups>(query).await
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subnets {
    #[serde(default)]
    subnet_set: Items<Subnet>,
    next_token: Option<String>,
}

impl Page for Subnets {
    type Entry = Subnet;
    fn split(self) -> (Vec<Subnet>, Option<String>) {
        (self.subnet_set.items, self.next_token)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Groups {
    #[serde(default)]
    security_group_info: Items<SecurityGroup>,
    next_token: Option<String>,
}

impl Page for Groups {
    type Entry = SecurityGroup;
    fn split(self) -> (Vec<SecurityGroup>, Option<String>) {
        (self.security_group_info.items, self.next_token)
    }
}
