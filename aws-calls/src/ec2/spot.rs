use jiff::Timestamp;
use serde::Deserialize;

use super::query::{Items, MOST, Page, Query};
use crate::{Aws, CallError};

/// The request that a spot machine comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpotRequest {
    pub id: String,
    pub instance_id: Option<String>,
    /// `open`, `active`, `closed`, `cancelled` or `failed`.
    pub state: String,
    /// As in `fulfilled`, `marked-for-termination`, `instance-terminated-no-capacity`.
    pub status: String,
    pub message: String,
    /// When the status became so.
    pub since: Option<Timestamp>,
}

impl SpotRequest {
    /// Whether AWS has given notice that it takes the machine back, two minutes later.
    pub fn is_noticed(&self) -> bool {
        matches!(self.status.as_str(), "marked-for-termination" | "marked-for-stop")
    }
}

impl Aws {
    /// The requests of these machines; one on demand has none. Needs
    /// `ec2:DescribeSpotInstanceRequests`.
    pub async fn spot_requests<I: AsRef<str>>(
        &self,
        instance_ids: &[I],
    ) -> Result<Vec<SpotRequest>, CallError> {
        let mut found = Vec::new();
        for ids in instance_ids.chunks(MOST) {
            let query = Query::new("DescribeSpotInstanceRequests").filter("instance-id", ids);
            found.extend(self.ec2_all::<Requests>(query).await?.into_iter().map(SpotRequest::from));
        }
        Ok(found)
    }

    /// The price of a machine type now in US dollars an hour, in each zone that has one. Needs
    /// `ec2:DescribeSpotPriceHistory`.
    pub async fn spot_prices(&self, machine_type: &str) -> Result<Vec<(String, f64)>, CallError> {
        let query = Query::new("DescribeSpotPriceHistory")
            .list("InstanceType", &[machine_type])
            .list("ProductDescription", &["Linux/UNIX"])
            // From now on: what is in force.
            .set("StartTime", Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        let mut zones: Vec<(String, f64)> = Vec::new();
        // The newest comes first.
        for price in self.ec2_all::<Prices>(query).await? {
            if !zones.iter().any(|(zone, _)| *zone == price.availability_zone) {
                zones.push((price.availability_zone, price.spot_price));
            }
        }
        zones.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(zones)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Requests {
    #[serde(default)]
    spot_instance_request_set: Items<Found>,
    next_token: Option<String>,
}

impl Page for Requests {
    type Entry = Found;
    fn split(self) -> (Vec<Found>, Option<String>) {
        (self.spot_instance_request_set.items, self.next_token)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    spot_instance_request_id: String,
    instance_id: Option<String>,
    #[serde(default)]
    state: String,
    #[serde(default)]
    status: Status,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
    update_time: Option<Timestamp>,
}

impl From<Found> for SpotRequest {
    fn from(found: Found) -> Self {
        Self {
            id: found.spot_instance_request_id,
            instance_id: found.instance_id.filter(|id| !id.is_empty()),
            state: found.state,
            status: found.status.code,
            message: found.status.message,
            since: found.status.update_time,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Prices {
    #[serde(default)]
    spot_price_history_set: Items<Price>,
    next_token: Option<String>,
}

impl Page for Prices {
    type Entry = Price;
    fn split(self) -> (Vec<Price>, Option<String>) {
        (self.spot_price_history_set.items, self.next_token)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Price {
    availability_zone: String,
    spot_price: f64,
}
