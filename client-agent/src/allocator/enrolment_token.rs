use std::{fs, io, path::PathBuf};

use anyhow::Context as _;

/// Where the one-time token comes from that this agent enrols with.
pub enum EnrolmentToken {
    None,
    Given(String),
    /// Read each time it is needed, so that a new token can be put there without a restart.
    File(PathBuf),
}

impl EnrolmentToken {
    pub const VARIABLE: &str = "LABLINK_ENROLMENT_TOKEN";

    /// The token, without the white space round it; `None` also when the file is gone or empty.
    pub fn read(&self) -> anyhow::Result<Option<String>> {
        let text = match self {
            Self::None => return Ok(None),
            Self::Given(token) => token.clone(),
            Self::File(file) => match fs::read_to_string(file) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                read => read.with_context(|| {
                    format!("can't read the enrolment token from {}", file.display())
                })?,
            },
        };
        let token = text.trim();
        Ok((!token.is_empty()).then(|| token.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_file_may_be_missing_and_may_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let token = EnrolmentToken::File(file.clone());
        assert_eq!(token.read().unwrap(), None);
        fs::write(&file, "first\n").unwrap();
        assert_eq!(token.read().unwrap().as_deref(), Some("first"));
        fs::write(&file, "second").unwrap();
        assert_eq!(token.read().unwrap().as_deref(), Some("second"));
    }
}
