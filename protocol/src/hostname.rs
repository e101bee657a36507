use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Name of one VM: a DNS name of at most 253 characters, in lower case.
///
/// VMs that LabLink makes are called `lablink-vm-{environment}-{number}`; machines that somebody
/// registers by hand carry any other DNS name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(
    feature = "openapi",
    schema(
        max_length = 253,
        pattern = r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$"
    )
)]
pub struct Hostname(String);

/// Why a text is no [`Hostname`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "'{0}' is not a valid hostname: use letters, digits and '-' in labels of at most 63 \
     characters joined by dots, 253 in all"
)]
pub struct InvalidHostname(String);

impl Hostname {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_label(label: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    (1..=63).contains(&label.len())
        && label.bytes().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl FromStr for Hostname {
    type Err = InvalidHostname;

    fn from_str(text: &str) -> Result<Self, InvalidHostname> {
        if text.len() <= 253 && text.split('.').all(is_label) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            // Bounded: the text comes from the network and ends up in messages.
            Err(InvalidHostname(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for Hostname {
    type Error = InvalidHostname;

    fn try_from(text: String) -> Result<Self, InvalidHostname> {
        text.parse()
    }
}

impl From<Hostname> for String {
    fn from(hostname: Hostname) -> Self {
        hostname.0
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_dns_names_in_lower_case() {
        assert_eq!("vm-3".parse::<Hostname>().unwrap().as_str(), "vm-3");
        assert_eq!(
            "Desk-7.Lab.example".parse::<Hostname>().unwrap().as_str(),
            "desk-7.lab.example"
        );
    }

    #[test]
    fn refuses_what_is_no_dns_name() {
        let long = "a".repeat(64);
        for text in ["", "-a", "a-", "a..b", "a b", "a/b", "<script>", "ä", &long] {
            assert!(text.parse::<Hostname>().is_err(), "{text}");
        }
    }
}
