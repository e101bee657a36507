use std::{fmt, str::FromStr};

/// Name of a deployment: part of its VMs' host names and of its resources' names on AWS.
///
/// Made of lower-case letters, digits and `-`, at most 40 characters, so that
/// `lablink-vm-{environment}-{number}` is one DNS label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment(String);

/// Why a text is no [`Environment`].
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is not a valid environment: set ENVIRONMENT to at most 40 letters, digits and '-', with \
     no '-' at either end, such as dev, test or prod"
)]
pub struct InvalidEnvironment(String);

impl Environment {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is somebody's own machine, where placeholders and defaults are no danger.
    pub fn is_dev(&self) -> bool {
        self.0 == "dev"
    }

    /// Whether Terraform keeps its state in the bucket, as in the environments that the
    /// workflows deploy (contract §2.6).
    pub fn has_remote_state(&self) -> bool {
        matches!(self.0.as_str(), "test" | "ci-test" | "prod")
    }
}

impl FromStr for Environment {
    type Err = InvalidEnvironment;

    /// Takes white space off the ends, lowers the case and turns spaces into `-` first.
    fn from_str(text: &str) -> Result<Self, InvalidEnvironment> {
        let name = text.trim().to_ascii_lowercase().replace(' ', "-");
        let valid = (1..=40).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !name.starts_with('-')
            && !name.ends_with('-');
        if valid {
            Ok(Self(name))
        } else {
            Err(InvalidEnvironment(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tidied_as_in_the_original() {
        assert_eq!(" CI Test ".parse::<Environment>().unwrap().as_str(), "ci-test");
        assert!("DEV".parse::<Environment>().unwrap().is_dev());
        assert!(!"prod".parse::<Environment>().unwrap().is_dev());
    }

    #[test]
    fn the_workflows_environments_keep_remote_state() {
        let remote = |name: &str| name.parse::<Environment>().unwrap().has_remote_state();
        assert_eq!(
            ["test", "ci-test", "prod", "dev", "class"].map(remote),
            [true, true, true, false, false]
        );
    }

    #[test]
    fn what_is_no_part_of_a_host_name_is_refused() {
        let long = "a".repeat(41);
        for text in ["", "  ", "a_b", "a.b", "ä", "-a", "a-", "a/b", &long] {
            assert!(text.parse::<Environment>().is_err(), "{text}");
        }
    }
}
