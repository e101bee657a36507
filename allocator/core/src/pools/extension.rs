use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The ending of the files that are results, without its dot: `slp`, `tar.gz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Extension(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("An extension is 1 to 32 letters, digits, dots, - or _, as in slp or tar.gz.")]
pub struct InvalidExtension;

impl Extension {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The ending of SLEAP's files, for which LabLink was first made.
impl Default for Extension {
    fn default() -> Self {
        Self("slp".to_owned())
    }
}

impl FromStr for Extension {
    type Err = InvalidExtension;

    /// With or without the dot in front: configurations have both.
    fn from_str(text: &str) -> Result<Self, InvalidExtension> {
        let text = text.trim();
        let bare = text.strip_prefix('.').unwrap_or(text);
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let begins_well = bare.starts_with(|c: char| c.is_ascii_alphanumeric());
        if begins_well && bare.len() <= 32 && bare.chars().all(allowed) {
            Ok(Self(bare.to_owned()))
        } else {
            Err(InvalidExtension)
        }
    }
}

impl TryFrom<String> for Extension {
    type Error = InvalidExtension;

    fn try_from(text: String) -> Result<Self, InvalidExtension> {
        text.parse()
    }
}

impl From<Extension> for String {
    fn from(extension: Extension) -> Self {
        extension.0
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dot_in_front_is_optional() {
        for text in ["slp", ".slp", " .slp "] {
            assert_eq!(text.parse::<Extension>().unwrap().as_str(), "slp");
        }
        assert_eq!("tar.gz".parse::<Extension>().unwrap().as_str(), "tar.gz");
    }

    #[test]
    fn what_could_be_a_pattern_or_a_path_is_refused() {
        for text in ["", ".", "..", "*", "a/b", "-x", "a b", "ä", "a\n", &"x".repeat(33)] {
            let parsed = text.parse::<Extension>();
            assert!(parsed.is_err() || text.ends_with('\n'), "{text:?} gave {parsed:?}");
        }
    }
}
