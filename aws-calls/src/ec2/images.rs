use serde::Deserialize;

use super::query::{Items, Query};
use crate::{Aws, CallError};

/// A machine image (AMI).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub id: String,
    pub name: String,
    /// `available`, or why it can't be used.
    pub state: String,
    /// As in `x86_64`, `arm64`.
    pub architecture: String,
    /// As in `/dev/sda1`.
    pub root_device: String,
    /// The size that its root disk has, and at least needs, where EC2 says it.
    pub root_gb: Option<u32>,
}

impl Aws {
    /// The image, if these credentials see it in this region. Needs `ec2:DescribeImages`.
    pub async fn image(&self, id: &str) -> Result<Option<Image>, CallError> {
        // By a filter: an id that is unknown would be an error.
        let query = Query::new("DescribeImages").filter("image-id", &[id]);
        let found: Images = self.ec2(&query, None).await?;
        Ok(found.images_set.items.into_iter().next().map(Image::from))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Images {
    #[serde(default)]
    images_set: Items<Found>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    image_id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    image_state: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    root_device_name: String,
    #[serde(default)]
    block_device_mapping: Items<Device>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Device {
    device_name: String,
    ebs: Option<Disk>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Disk {
    volume_size: Option<u32>,
}

impl From<Found> for Image {
    fn from(found: Found) -> Self {
        let devices = found.block_device_mapping.items;
        let root = devices.into_iter().find(|device| device.device_name == found.root_device_name);
        Self {
            id: found.image_id,
            name: found.name,
            state: found.image_state,
            architecture: found.architecture,
            root_device: found.root_device_name,
            root_gb: root.and_then(|device| device.ebs?.volume_size),
        }
    }
}
