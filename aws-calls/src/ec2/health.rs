use jiff::Timestamp;
use serde::Deserialize;

use super::query::{Items, MOST, Page, Query};
use crate::{Aws, CallError};

/// How AWS finds a machine, and what it plans with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    pub instance_id: String,
    /// As in [`super::Instance::state`].
    pub state: String,
    /// Whether the machine itself answers.
    pub instance: Check,
    /// Whether what is below it works, which only AWS can mend.
    pub system: Check,
    /// Whether its disks answer. Not told of a machine that does not run.
    pub disks: Check,
    pub events: Vec<Event>,
}

/// A status check.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Check {
    Passed,
    Failed,
    /// The machine has just started.
    Initializing,
    /// The machine does not run, or AWS can't tell.
    #[default]
    Unknown,
}

/// Something that AWS will do to a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `instance-reboot`, `system-reboot`, `system-maintenance`, `instance-retirement` or
    /// `instance-stop`.
    pub code: String,
    pub description: String,
    /// Not before.
    pub begins_at: Option<Timestamp>,
    pub ends_at: Option<Timestamp>,
    /// Whether it happened, or was called off.
    pub is_over: bool,
}

impl Aws {
    /// How these machines are, in whatever state. One that EC2 knows no more makes it refuse the call
    /// with `InvalidInstanceID.NotFound`: ask [`Self::instances_by_id`] first.
    /// Needs `ec2:DescribeInstanceStatus`.
    pub async fn health<I: AsRef<str>>(&self, ids: &[I]) -> Result<Vec<Health>, CallError> {
        let mut found = Vec::new();
        for ids in ids.chunks(MOST) {
            let query = Query::new("DescribeInstanceStatus")
                .set("IncludeAllInstances", "true")
                .list("InstanceId", ids);
            found.extend(self.ec2_all::<Statuses>(query).await?.into_iter().map(Health::from));
        }
        Ok(found)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statuses {
    #[serde(default)]
    instance_status_set: Items<Found>,
    next_token: Option<String>,
}

impl Page for Statuses {
    type Entry = Found;
    fn split(self) -> (Vec<Found>, Option<String>) {
        (self.instance_status_set.items, self.next_token)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    instance_id: String,
    instance_state: State,
    #[serde(default)]
    instance_status: Status,
    #[serde(default)]
    system_status: Status,
    #[serde(default)]
    attached_ebs_status: Status,
    #[serde(default)]
    events_set: Items<FoundEvent>,
}

#[derive(Deserialize)]
struct State {
    name: String,
}

#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FoundEvent {
    code: String,
    #[serde(default)]
    description: String,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
}

impl From<Found> for Health {
    fn from(found: Found) -> Self {
        Self {
            instance_id: found.instance_id,
            state: found.instance_state.name,
            instance: found.instance_status.into(),
            system: found.system_status.into(),
            disks: found.attached_ebs_status.into(),
            events: found.events_set.items.into_iter().map(Event::from).collect(),
        }
    }
}

impl From<Status> for Check {
    fn from(found: Status) -> Self {
        match found.status.as_str() {
            "ok" => Self::Passed,
            "impaired" => Self::Failed,
            "initializing" => Self::Initializing,
            _ => Self::Unknown,
        }
    }
}

impl From<FoundEvent> for Event {
    fn from(found: FoundEvent) -> Self {
        // AWS says so in the description, and nowhere else.
        let over = ["[Completed] ", "[Canceled] "];
        let ending = over.iter().find_map(|prefix| found.description.strip_prefix(prefix));
        Self {
            code: found.code,
            is_over: ending.is_some(),
            description: ending.unwrap_or(&found.description).to_owned(),
            begins_at: found.not_before,
            ends_at: found.not_after,
        }
    }
}
