use serde::Deserialize;

use super::query::{Items, MOST, Page, Query};
use crate::{Aws, CallError};

/// What a type of instances has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineType {
    /// As in `g4dn.xlarge`.
    pub name: String,
    /// What counts against the quota.
    pub vcpus: u32,
    pub memory_mib: u64,
    pub gpus: Vec<Gpu>,
    /// As in `x86_64`, `arm64`.
    pub architectures: Vec<String>,
    /// Whether it can be had as spot.
    pub spot: bool,
}

/// One kind of GPU in a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpu {
    /// As in `T4`.
    pub name: String,
    /// As in `NVIDIA`.
    pub manufacturer: String,
    /// How many the machine sees, whole ones or parts.
    pub count: u32,
}

impl Aws {
    /// Those of the types that the region has. Names that EC2 has never heard of are left out.
    /// Needs `ec2:DescribeInstanceTypes`.
    pub async fn machine_types<N: AsRef<str>>(
        &self,
        names: &[N],
    ) -> Result<Vec<MachineType>, CallError> {
        let mut found = Vec::new();
        for names in names.chunks(MOST) {
            // By a filter: a list of names would be refused whole for one that is unknown.
            let query = Query::new("DescribeInstanceTypes").filter("instance-type", names);
            found.extend(self.ec2_all::<Types>(query).await?.into_iter().map(MachineType::from));
        }
        Ok(found)
    }

    /// The zones that offer a type, in order. Needs `ec2:DescribeInstanceTypeOfferings`.
    pub async fn zones_with(&self, machine_type: &str) -> Result<Vec<String>, CallError> {
        let query = Query::new("DescribeInstanceTypeOfferings")
            .set("LocationType", "availability-zone")
            .filter("instance-type", &[machine_type]);
        let found = self.ec2_all::<Offerings>(query).await?;
        let mut zones: Vec<_> = found.into_iter().map(|offering| offering.location).collect();
        zones.sort();
        Ok(zones)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Types {
    #[serde(default)]
    instance_type_set: Items<Type>,
    next_token: Option<String>,
}

impl Page for Types {
    type Entry = Type;
    fn split(self) -> (Vec<Type>, Option<String>) {
        (self.instance_type_set.items, self.next_token)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Type {
    instance_type: String,
    #[serde(default)]
    v_cpu_info: Cpus,
    #[serde(default)]
    memory_info: Memory,
    #[serde(default)]
    gpu_info: Gpus,
    #[serde(default)]
    processor_info: Processor,
    #[serde(default)]
    supported_usage_classes: Items<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cpus {
    default_v_cpus: u32,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Memory {
    size_in_mi_b: u64,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Gpus {
    #[serde(default)]
    gpus: Items<OneGpu>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OneGpu {
    #[serde(default)]
    name: String,
    #[serde(default)]
    manufacturer: String,
    #[serde(default)]
    count: u32,
    /// Parts of a GPU count here alone.
    #[serde(default)]
    logical_gpu_count: u32,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Processor {
    #[serde(default)]
    supported_architectures: Items<String>,
}

impl From<Type> for MachineType {
    fn from(found: Type) -> Self {
        let gpus = found.gpu_info.gpus.items.into_iter();
        Self {
            name: found.instance_type,
            vcpus: found.v_cpu_info.default_v_cpus,
            memory_mib: found.memory_info.size_in_mi_b,
            gpus: gpus.map(Gpu::from).collect(),
            architectures: found.processor_info.supported_architectures.items,
            spot: found.supported_usage_classes.items.iter().any(|class| class == "spot"),
        }
    }
}

impl From<OneGpu> for Gpu {
    fn from(found: OneGpu) -> Self {
        let count = found.count.max(found.logical_gpu_count);
        Self { name: found.name, manufacturer: found.manufacturer, count }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Offerings {
    #[serde(default)]
    instance_type_offering_set: Items<Offering>,
    next_token: Option<String>,
}

impl Page for Offerings {
    type Entry = Offering;
    fn split(self) -> (Vec<Offering>, Option<String>) {
        (self.instance_type_offering_set.items, self.next_token)
    }
}

#[derive(Deserialize)]
struct Offering {
    location: String,
}
