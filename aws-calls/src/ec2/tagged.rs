use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::query::{Items, Page, Query};
use crate::{Aws, CallError};

/// Something of EC2 that carries tags.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tagged {
    /// As in `instance`, `volume`, `security-group`, `elastic-ip`.
    pub kind: String,
    pub id: String,
}

/// An elastic address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// As in `eipalloc-0123456789abcdef0`.
    pub id: String,
    pub address: String,
    pub is_attached: bool,
    pub tags: BTreeMap<String, String>,
}

impl Aws {
    /// All of EC2 that carries each of these tags. What was ended an hour ago may be among it. Needs
    /// `ec2:DescribeTags`.
    pub async fn tagged(&self, tags: &[(&str, &str)]) -> Result<Vec<Tagged>, CallError> {
        let mut found: Option<BTreeSet<Tagged>> = None;
        for (key, value) in tags {
            let query = Query::new("DescribeTags").filter("key", &[key]).filter("value", &[value]);
            let these = self.ec2_all::<Tags>(query).await?.into_iter();
            let these: BTreeSet<_> =
                these.map(|tag| Tagged { kind: tag.resource_type, id: tag.resource_id }).collect();
            found = Some(match found {
                None => these,
                Some(found) => found.intersection(&these).cloned().collect(),
            });
        }
        Ok(found.unwrap_or_default().into_iter().collect())
    }

    /// Which of these carry a tag of this name, whatever its value. Needs `ec2:DescribeTags`.
    pub async fn with_tag(&self, key: &str) -> Result<BTreeSet<String>, CallError> {
        let query = Query::new("DescribeTags").filter("key", &[key]);
        Ok(self.ec2_all::<Tags>(query).await?.into_iter().map(|tag| tag.resource_id).collect())
    }

    /// The size of a volume; none: there is none of this id. Needs `ec2:DescribeVolumes`.
    pub async fn volume_gib(&self, id: &str) -> Result<Option<u32>, CallError> {
        let query = Query::new("DescribeVolumes").filter("volume-id", &[id]);
        let found: Volumes = self.ec2(&query, None).await?;
        Ok(found.volume_set.items.first().map(|volume| volume.size))
    }

    /// The size of the volume that a snapshot is of, which is the most that it holds. Needs
    /// `ec2:DescribeSnapshots`.
    pub async fn snapshot_gib(&self, id: &str) -> Result<Option<u32>, CallError> {
        let query = Query::new("DescribeSnapshots").filter("snapshot-id", &[id]);
        let found: Snapshots = self.ec2(&query, None).await?;
        Ok(found.snapshot_set.items.first().map(|snapshot| snapshot.volume_size))
    }

    /// The elastic addresses with this tag. Needs `ec2:DescribeAddresses`.
    pub async fn addresses(&self, key: &str, value: &str) -> Result<Vec<Address>, CallError> {
        let query = Query::new("DescribeAddresses").filter(&format!("tag:{key}"), &[value]);
        let found: Addresses = self.ec2(&query, None).await?;
        Ok(found.addresses_set.items.into_iter().map(Address::from).collect())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tags {
    #[serde(default)]
    tag_set: Items<Tag>,
    next_token: Option<String>,
}

impl Page for Tags {
    type Entry = Tag;
    fn split(self) -> (Vec<Tag>, Option<String>) {
        (self.tag_set.items, self.next_token)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Tag {
    resource_id: String,
    resource_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Volumes {
    #[serde(default)]
    volume_set: Items<Volume>,
}

#[derive(Deserialize)]
struct Volume {
    size: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Snapshots {
    #[serde(default)]
    snapshot_set: Items<Snapshot>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Snapshot {
    volume_size: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Addresses {
    #[serde(default)]
    addresses_set: Items<Found>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    allocation_id: String,
    public_ip: String,
    association_id: Option<String>,
    #[serde(default)]
    tag_set: Items<Pair>,
}

#[derive(Deserialize)]
struct Pair {
    key: String,
    #[serde(default)]
    value: String,
}

impl From<Found> for Address {
    fn from(found: Found) -> Self {
        Self {
            id: found.allocation_id,
            address: found.public_ip,
            is_attached: found.association_id.is_some_and(|id| !id.is_empty()),
            tags: found.tag_set.items.into_iter().map(|tag| (tag.key, tag.value)).collect(),
        }
    }
}
