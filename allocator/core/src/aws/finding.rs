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

impl Finding {
    /// The sentence for people. None: the cloud sees nothing wrong.
    pub fn words(&self) -> Option<String> {
        let said = |said: &Option<String>| {
            said.as_ref()
                .map(|said| format!(" ({})", said.trim_end_matches('.')))
                .unwrap_or_default()
        };
        match self {
            Self::Runs | Self::Starts => None,
            Self::Stopped { said: why } => Some(format!("AWS says: it was stopped{}.", said(why))),
            Self::Ended { said: why } => {
                Some(format!("AWS says: it was ended for good{}.", said(why)))
            }
            Self::Impaired { checks } => {
                let checks: Vec<&str> = checks.iter().map(|check| check.trouble()).collect();
                Some(format!("AWS says: {}.", checks.join(", and ")))
            }
        }
    }
}

impl Check {
    fn trouble(self) -> &'static str {
        match self {
            Self::Machine => "its operating system does not answer",
            Self::Hardware => "the hardware below it has a fault, which only AWS can repair",
            Self::Disks => "its disk does not answer",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cloud_s_own_words_say_by_whom_and_when() {
        let said = Some("User initiated (2026-11-26 10:32:00 GMT)".to_owned());
        assert_eq!(
            Finding::Stopped { said }.words().unwrap(),
            "AWS says: it was stopped (User initiated (2026-11-26 10:32:00 GMT))."
        );
        assert_eq!(
            Finding::Ended { said: None }.words().unwrap(),
            "AWS says: it was ended for good."
        );
        assert_eq!(Finding::Runs.words(), None);
    }
}
