//! Where machines would be, from which image, and whether they may be launched so.

use std::future::Future;

use lablink_aws_calls::{
    CallError, ec2,
    ec2::{RootDisk, Trial},
};
use lablink_core::preflight::{Answer, Image, Market, NoAnswer, Plan, Right, Tried};

use crate::asked::Inquiry;

impl Inquiry<'_> {
    /// Where the machines would be, from which image, and whether they may be launched so.
    pub async fn place(&self) -> (Answer<Vec<String>>, Answer<Option<Image>>, Vec<Tried>) {
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

fn plain_image(found: ec2::Image) -> Image {
    let ec2::Image { state, architecture, root_gb, .. } = found;
    Image { state, architecture, root_gb }
}
