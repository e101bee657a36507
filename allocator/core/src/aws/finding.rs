use lablink_protocol::CloudNotice;
use serde::{Deserialize, Serialize};

/// What the cloud says of a machine that is not heard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Finding {
    /// It runs, as far as the cloud can see.
    Runs,
    /// It comes up: the cloud's checks are not done.
    Starts,
    /// It is stopped, or stopping. `said`: the cloud's own words, by whom and when, if it has some.
    Stopped { said: Option<String> },
    /// It is ended for good, or the cloud knows it no more.
    Ended { said: Option<String> },
    /// It runs, and checks of the cloud fail.
    Impaired { checks: Vec<Check> },
}

/// A check that the cloud makes of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Whether its operating system answers.
    Machine,
    /// Whether the hardware below it works.
    Hardware,
    /// Whether its disks answer.
    Disks,
}

/// What the cloud says of one machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    pub finding: Finding,
    pub notice: CloudNotice,
}
