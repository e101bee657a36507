use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::query::{Items, MOST, Page, Query};
use crate::{Aws, CallError};

/// A machine of EC2. One that is terminated is told for about an hour more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// As in `i-0123456789abcdef0`.
    pub id: String,
    /// As in `g4dn.xlarge`.
    pub machine_type: String,
    /// `pending`, `running`, `stopping`, `stopped`, `shutting-down` or `terminated`.
    pub state: String,
    /// Why it is in that state, where AWS says it.
    pub reason: Option<Reason>,
    /// AWS's words on the last change, which often hold its time: `User initiated (2026-01-02 03:04:05 GMT)`.
    pub transition: Option<String>,
    pub zone: String,
    pub private_ip: Option<String>,
    pub public_ip: Option<String>,
    pub spot_request: Option<String>,
    pub is_spot: bool,
    /// When it was last started.
    pub launched_at: Option<Timestamp>,
    pub tags: BTreeMap<String, String>,
}

/// As in `Client.UserInitiatedShutdown`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Reason {
    #[serde(default)]
    pub code: String,
    #[serde(default)]
    pub message: String,
}

impl Instance {
    /// Whether it costs money and counts against the quota of vCPUs.
    pub fn runs(&self) -> bool {
        matches!(self.state.as_str(), "pending" | "running")
    }

    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.get(key).map(String::as_str)
    }
}

impl Aws {
    /// The machines that carry all of these tags, in any state. Needs `ec2:DescribeInstances`.
    pub async fn instances_by_tags(
        &self,
        tags: &[(&str, &str)],
    ) -> Result<Vec<Instance>, CallError> {
        let mut query = Query::new("DescribeInstances");
        for (key, value) in tags {
            query = query.filter(&format!("tag:{key}"), &[value]);
        }
        self.instances(query).await
    }

    /// Those of the machines that EC2 still knows. Needs `ec2:DescribeInstances`.
    pub async fn instances_by_id<I: AsRef<str>>(
        &self,
        ids: &[I],
    ) -> Result<Vec<Instance>, CallError> {
        let mut found = Vec::new();
        for ids in ids.chunks(MOST) {
            // By a filter: a list of ids would be refused whole for one that is gone.
            let query = Query::new("DescribeInstances").filter("instance-id", ids);
            found.extend(self.instances(query).await?);
        }
        Ok(found)
    }

    /// Every machine of the account in this region that counts against its quotas, whoever made it.
    /// Needs `ec2:DescribeInstances`.
    pub async fn running_instances(&self) -> Result<Vec<Instance>, CallError> {
        let states = ["pending", "running"];
        self.instances(Query::new("DescribeInstances").filter("instance-state-name", &states)).await
    }

    async fn instances(&self, query: Query) -> Result<Vec<Instance>, CallError> {
        let found = self.ec2_all::<Reservations>(query.set("MaxResults", "1000")).await?;
        let machines = found.into_iter().flat_map(|reservation| reservation.instances_set.items);
        Ok(machines.map(Instance::from).collect())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reservations {
    #[serde(default)]
    reservation_set: Items<Reservation>,
    next_token: Option<String>,
}

impl Page for Reservations {
    type Entry = Reservation;
    fn split(self) -> (Vec<Reservation>, Option<String>) {
        (self.reservation_set.items, self.next_token)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reservation {
    #[serde(default)]
    instances_set: Items<Found>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    instance_id: String,
    #[serde(default)]
    instance_type: String,
    instance_state: State,
    state_reason: Option<Reason>,
    reason: Option<String>,
    #[serde(default)]
    placement: Placement,
    private_ip_address: Option<String>,
    ip_address: Option<String>,
    spot_instance_request_id: Option<String>,
    instance_lifecycle: Option<String>,
    launch_time: Option<Timestamp>,
    #[serde(default)]
    tag_set: Items<Tag>,
}

#[derive(Deserialize)]
struct State {
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Placement {
    #[serde(default)]
    availability_zone: String,
}

#[derive(Deserialize)]
struct Tag {
    key: String,
    #[serde(default)]
    value: String,
}

impl From<Found> for Instance {
    fn from(found: Found) -> Self {
        let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
        Self {
            id: found.instance_id,
            machine_type: found.instance_type,
            state: found.instance_state.name,
            reason: found.state_reason.filter(|reason| !reason.code.is_empty()),
            transition: filled(found.reason),
            zone: found.placement.availability_zone,
            private_ip: filled(found.private_ip_address),
            public_ip: filled(found.ip_address),
            spot_request: filled(found.spot_instance_request_id),
            is_spot: found.instance_lifecycle.as_deref() == Some("spot"),
            launched_at: found.launch_time,
            tags: found.tag_set.items.into_iter().map(|tag| (tag.key, tag.value)).collect(),
        }
    }
}
