//! What AWS is asked before a launch, all at the same time.

use std::{collections::BTreeMap, future::Future, pin::Pin, time::Duration};

use lablink_aws_calls::{
    Aws, CallError, ec2,
    ec2::{RootDisk, Trial},
};
use lablink_core::{
    aws::AwsKeys,
    preflight::{
        Answer, Answers, CloudQuestions, Family, Image, MachineType, Market, NoAnswer, Plan, Price,
        Quota, Right, Tried,
    },
};
use tokio::time::{Instant, timeout_at};

use crate::Account;

/// People wait for the page, and were promised five seconds.
const PATIENCE: Duration = Duration::from_millis(4500);

impl CloudQuestions for Account {
    fn ask<'a>(
        &'a self,
        keys: Option<&'a AwsKeys>,
        plan: &'a Plan,
    ) -> Pin<Box<dyn Future<Output = Answers> + Send + 'a>> {
        Box::pin(async move {
            let inquiry = Inquiry { plan, asked: Asked::new(self.with(keys).await) };
            let (machine, (zones, image, rights), quota, price) = tokio::join!(
                inquiry.asked.machine(&plan.machine_type),
                inquiry.place(),
                inquiry.quota(),
                inquiry.price()
            );
            Answers { machine, zones, image, quota, price, rights }
        })
    }

    fn machine<'a>(
        &'a self,
        keys: Option<&'a AwsKeys>,
        machine_type: &'a str,
    ) -> Pin<Box<dyn Future<Output = Answer<Option<MachineType>>> + Send + 'a>> {
        Box::pin(async move { Asked::new(self.with(keys).await).machine(machine_type).await })
    }
}

/// AWS, with the end of our patience.
struct Asked {
    aws: Aws,
    until: Instant,
}

impl Asked {
    fn new(aws: Aws) -> Self {
        Self { aws, until: Instant::now() + PATIENCE }
    }

    /// The answer, or why there is none in time.
    async fn of<T>(
        &self,
        call: &str,
        answer: impl Future<Output = Result<T, CallError>>,
    ) -> Answer<T> {
        match timeout_at(self.until, answer).await {
            Ok(answer) => answer.map_err(no_answer),
            Err(_elapsed) => {
                Err(NoAnswer::Failed(format!("AWS did not answer {call} within 4.5 seconds")))
            }
        }
    }

    async fn machine(&self, name: &str) -> Answer<Option<MachineType>> {
        let found = self.of("DescribeInstanceTypes", self.aws.machine_types(&[name])).await?;
        Ok(found.into_iter().next().map(machine_type))
    }
}

/// All that is asked about one plan.
struct Inquiry<'a> {
    plan: &'a Plan,
    asked: Asked,
}

impl Inquiry<'_> {
    /// Where the machines would be, from which image, and whether they may be launched so.
    async fn place(&self) -> (Answer<Vec<String>>, Answer<Option<Image>>, Vec<Tried>) {
        let Plan { machine_type, image, .. } = self.plan;
        let tags: Vec<_> = self.plan.tags.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        // Another name, as the key itself may be there already.
        let key = format!("{}-trial", self.plan.key_pair);
        let (zones, image, key, network) = tokio::join!(
            self.asked.of("DescribeInstanceTypeOfferings", self.asked.aws.zones_with(machine_type)),
            self.asked.of("DescribeImages", self.asked.aws.image(image)),
            self.asked.of("ImportKeyPair", tried(self.asked.aws.try_key_pair(&key, &tags))),
            self.network(),
        );
        let network = Network { zones: zones.as_deref().unwrap_or_default(), ..network };
        let (launch, group) = tokio::join!(
            self.launch(image.as_ref().ok().and_then(Option::as_ref), &network, &tags),
            self.new_group(&network, &tags),
        );
        let mut rights = vec![Tried { call: "RunInstances", outcome: launch }];
        rights.extend(group.map(|outcome| Tried { call: "CreateSecurityGroup", outcome }));
        rights.push(Tried { call: "ImportKeyPair", outcome: key });
        (zones, image.map(|image| image.map(plain_image)), rights)
    }

    /// The machines' security group, if they had one before, and the subnets beside it; else those of the
    /// default VPC.
    async fn network(&self) -> Network<'static> {
        let asked = self.asked.aws.security_groups(&self.plan.security_group);
        let groups = self.asked.of("DescribeSecurityGroups", asked).await.unwrap_or_default();
        let group = groups.into_iter().next();
        let asked = self.asked.aws.subnets(group.as_ref().map(|group| group.vpc_id.as_str()));
        let subnets = self.asked.of("DescribeSubnets", asked).await.unwrap_or_default();
        Network { group, subnets, zones: &[] }
    }

    async fn launch(
        &self,
        image: Option<&ec2::Image>,
        network: &Network<'_>,
        tags: &[(&str, &str)],
    ) -> Answer<Right> {
        // What is wrong with the image is said elsewhere.
        let Some(image) = image else {
            return Err(NoAnswer::Failed("it can't be tried without the image".to_owned()));
        };
        let Plan { machine_type, market, root_gb, .. } = self.plan;
        let root = root_gb.or(image.root_gb).filter(|_| !image.root_device.is_empty());
        let trial = Trial {
            machine_type,
            image: &image.id,
            subnet: network.subnet(&self.plan.zones),
            security_group: network.group.as_ref().map(|group| group.id.as_str()),
            root: root.map(|gb| RootDisk { device: &image.root_device, gb }),
            is_spot: *market == Market::Spot,
            tags,
        };
        let right = self.asked.of("RunInstances", tried(self.asked.aws.try_launch(&trial))).await?;
        network.certain(right)
    }

    /// None: the group is there already.
    async fn new_group(
        &self,
        network: &Network<'_>,
        tags: &[(&str, &str)],
    ) -> Option<Answer<Right>> {
        let vpc = match (&network.group, network.subnets.first()) {
            (None, Some(subnet)) => &subnet.vpc_id,
            _ => return None,
        };
        let trial = self.asked.aws.try_security_group(&self.plan.security_group, vpc, tags);
        let right = self.asked.of("CreateSecurityGroup", tried(trial)).await;
        Some(right.and_then(|right| network.certain(right)))
    }

    async fn quota(&self) -> Answer<Quota> {
        let Plan { machine_type, market, .. } = self.plan;
        let family = Family::of(machine_type);
        let name = family.quota(*market).ok_or_else(|| {
            NoAnswer::Failed(format!("there is no quota of {machine_type} as spot"))
        })?;
        let (limit, used) = tokio::join!(
            self.asked.of("GetServiceQuota", self.asked.aws.ec2_quota(name.code)),
            self.used(family, *market),
        );
        Ok(Quota { limit: whole(limit?), used: used? })
    }

    /// The vCPUs of what runs and counts against the same quota.
    async fn used(&self, family: Family, market: Market) -> Answer<u32> {
        let running =
            self.asked.of("DescribeInstances", self.asked.aws.running_instances()).await?;
        let mut by_type: BTreeMap<String, u32> = BTreeMap::new();
        for machine in running {
            let same_market = machine.is_spot == (market == Market::Spot);
            if same_market && Family::of(&machine.machine_type) == family {
                *by_type.entry(machine.machine_type).or_default() += 1;
            }
        }
        if by_type.is_empty() {
            return Ok(0);
        }
        let names: Vec<_> = by_type.keys().collect();
        let types =
            self.asked.of("DescribeInstanceTypes", self.asked.aws.machine_types(&names)).await?;
        let vcpus = types.iter().map(|found| found.vcpus * by_type[&found.name]);
        Ok(vcpus.sum())
    }

    async fn price(&self) -> Answer<Option<Price>> {
        let Plan { machine_type, market, zones, .. } = self.plan;
        match market {
            Market::OnDemand => {
                let found =
                    self.asked.of("GetProducts", self.asked.aws.price(machine_type)).await?;
                Ok(found.map(|price| Price { per_hour: price.per_hour, currency: price.currency }))
            }
            Market::Spot => {
                let asked = self.asked.aws.spot_prices(machine_type);
                let found = self.asked.of("DescribeSpotPriceHistory", asked).await?;
                let prices = found
                    .into_iter()
                    .filter(|(zone, _)| zones.is_empty() || zones.contains(zone))
                    .map(|(_, price)| price);
                // The dearest zone: a price that turns out lower disappoints nobody.
                let dearest = prices.reduce(f64::max);
                Ok(dearest.map(|per_hour| Price { per_hour, currency: "USD".to_owned() }))
            }
        }
    }
}

/// Where machines can be.
struct Network<'a> {
    group: Option<ec2::SecurityGroup>,
    subnets: Vec<ec2::Subnet>,
    /// Those that offer the machines' type.
    zones: &'a [String],
}

impl Network<'_> {
    /// A subnet that machines can be in, if only these zones are allowed. None allowed: all are.
    fn subnet(&self, allowed: &[String]) -> Option<&str> {
        let fits = |subnet: &&ec2::Subnet| {
            self.zones.contains(&subnet.zone)
                && (allowed.is_empty() || allowed.contains(&subnet.zone))
        };
        self.subnets.iter().find(fits).map(|subnet| subnet.id.as_str())
    }

    /// Before the first launch there is no group, and its VPC is not known: policies that refuse what was
    /// tried in the default one may allow what will be done.
    fn certain(&self, right: Right) -> Answer<Right> {
        match right {
            Right::Refused(why) if self.group.is_none() => Err(NoAnswer::Failed(format!(
                "AWS refuses it in the default VPC, before the VMs have a security group: {why}"
            ))),
            right => Ok(right),
        }
    }
}

/// A refusal is an answer too.
async fn tried(trial: impl Future<Output = Result<(), CallError>>) -> Result<Right, CallError> {
    match trial.await {
        Ok(()) => Ok(Right::Given),
        Err(CallError::NotAllowed { message, .. }) => Ok(Right::Refused(message)),
        Err(CallError::Refused { message, .. }) => Ok(Right::Refused(message)),
        Err(other) => Err(other),
    }
}

fn no_answer(error: CallError) -> NoAnswer {
    match error {
        CallError::NotAllowed { call, .. } => NoAnswer::NotAllowed(right(call)),
        CallError::Credentials { message, .. } => NoAnswer::NoLogin(message),
        other => NoAnswer::Failed(other.to_string()),
    }
}

/// As policies name it.
fn right(call: &str) -> String {
    let service = match call {
        "GetProducts" => "pricing",
        "GetServiceQuota" | "GetAWSDefaultServiceQuota" => "servicequotas",
        _ => "ec2",
    };
    format!("{service}:{call}")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "quotas of vCPUs are whole, and casts of floats stop at the type's ends"
)]
fn whole(quota: f64) -> u32 {
    quota as u32
}

/// GPUs of other makers count as none: neither agents nor containers know them.
fn machine_type(found: ec2::MachineType) -> MachineType {
    let mut nvidia = found.gpus.into_iter().filter(|gpu| gpu.manufacturer == "NVIDIA");
    let gpu = nvidia.next();
    MachineType {
        vcpus: found.vcpus,
        gpus: gpu.as_ref().map_or(0, |gpu| gpu.count),
        gpu_name: gpu.map(|gpu| gpu.name).unwrap_or_default(),
        architectures: found.architectures,
        spot: found.spot,
    }
}

fn plain_image(found: ec2::Image) -> Image {
    let ec2::Image { state, architecture, root_gb, .. } = found;
    Image { state, architecture, root_gb }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nvidias_gpus_count() {
        let with = |manufacturer: &str| {
            let gpu =
                ec2::Gpu { name: "X".to_owned(), manufacturer: manufacturer.to_owned(), count: 2 };
            machine_type(ec2::MachineType {
                name: "g4.large".to_owned(),
                vcpus: 4,
                memory_mib: 16,
                gpus: vec![gpu],
                architectures: Vec::new(),
                spot: true,
            })
        };
        assert_eq!((with("NVIDIA").gpus, with("AMD").gpus), (2, 0));
    }
}
