//! What machines take of the quota, and what they cost.

use std::collections::BTreeMap;

use lablink_core::preflight::{Answer, Family, Market, NoAnswer, Plan, Price, Quota};

use crate::asked::Inquiry;

impl Inquiry<'_> {
    /// The quota that the machines count against, and what of it is used.
    pub async fn quota(&self) -> Answer<Quota> {
        let Plan { machine_type, market, .. } = self.plan;
        let family = Family::of(machine_type);
        let name = family.quota(*market).ok_or_else(|| {
            NoAnswer::Failed(format!("there is no quota of {machine_type} as spot"))
        })?;
        let (limit, used) = tokio::join!(
            self.asked.of("GetServiceQuota", self.asked.aws.ec2_quota(name.code)),
            self.used(family, *market),
        );
        Ok(Quota { limit: whole(limit?), used: used?, coming: 0 })
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

    /// Of one machine, for an hour.
    pub async fn price(&self) -> Answer<Option<Price>> {
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

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "quotas of vCPUs are whole, and casts of floats stop at the type's ends"
)]
fn whole(quota: f64) -> u32 {
    quota as u32
}
