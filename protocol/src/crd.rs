use std::fmt;

use serde::{Deserialize, Serialize};

/// The one-time code of a Chrome Remote Desktop command: the only part of what a participant
/// pastes that LabLink keeps. Everything else of the command is rebuilt on the VM.
///
/// Holds 1 to 512 characters of `A-Z a-z 0-9 _ / -` and never starts with `-`, so it can't be
/// mistaken for an option.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CrdCode(String);

/// Why a pasted command can't be used, in words for the participant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrdCommandError {
    #[error("Paste the command that Chrome Remote Desktop shows for a Debian Linux machine.")]
    Empty,
    #[error(
        "This is not a Chrome Remote Desktop command: it has no --code=… part. Copy the whole \
         command for Debian Linux from remotedesktop.google.com/headless."
    )]
    NoCode,
    #[error("The command has more than one --code part. Copy it again, once, and paste only that.")]
    SeveralCodes,
    #[error(
        "The code in the command is damaged: it may hold only letters, digits and _ / -. Copy the \
         whole command again."
    )]
    InvalidCode,
    #[error("The command is too long to be a Chrome Remote Desktop command.")]
    TooLong,
}

const LONGEST_COMMAND: usize = 4096;
const LONGEST_CODE: usize = 512;

impl CrdCode {
    /// Takes the code out of a pasted command: `--code=X` or `--code X`, exactly once, with or
    /// without a matching pair of quotes round `X`. Nothing is ever given to a shell.
    pub fn from_command(command: &str) -> Result<Self, CrdCommandError> {
        if command.len() > LONGEST_COMMAND {
            return Err(CrdCommandError::TooLong);
        }
        if command.trim().is_empty() {
            return Err(CrdCommandError::Empty);
        }
        let mut codes = Vec::new();
        let mut words = command.split_whitespace();
        while let Some(word) = words.next() {
            if word == "--code" {
                codes.push(words.next().unwrap_or_default());
            } else if let Some(code) = word.strip_prefix("--code=") {
                codes.push(code);
            }
        }
        match codes[..] {
            [] => Err(CrdCommandError::NoCode),
            [code] => Self::new(unquoted(code)),
            [..] => Err(CrdCommandError::SeveralCodes),
        }
    }

    fn new(code: &str) -> Result<Self, CrdCommandError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'/' | b'-');
        let valid = (1..=LONGEST_CODE).contains(&code.len())
            && code.bytes().all(allowed)
            && !code.starts_with('-');
        if valid { Ok(Self(code.to_owned())) } else { Err(CrdCommandError::InvalidCode) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The command line that deployed clients expect: they split it on white space and keep only
    /// `--code` (contract §3.6), so nothing in it needs quotes.
    pub fn to_command(&self) -> String {
        format!(
            "/opt/google/chrome-remote-desktop/start-host --code={} \
             --redirect-url=https://remotedesktop.google.com/_/oauthredirect",
            self.0
        )
    }
}

fn unquoted(word: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = word.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner;
        }
    }
    word
}

impl TryFrom<String> for CrdCode {
    type Error = CrdCommandError;

    fn try_from(code: String) -> Result<Self, CrdCommandError> {
        Self::new(&code)
    }
}

impl From<CrdCode> for String {
    fn from(code: CrdCode) -> Self {
        code.0
    }
}

/// The code signs a machine into somebody's Google account: it stays out of logs.
impl fmt::Debug for CrdCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CrdCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(command: &str) -> Result<String, CrdCommandError> {
        CrdCode::from_command(command).map(String::from)
    }

    #[test]
    fn finds_the_code_as_the_site_writes_it() {
        let site = "DISPLAY= /opt/google/chrome-remote-desktop/start-host \
                    --code=\"4/0Ab_c-D\" --redirect-url=\"https://x\" --name=$(hostname)";
        assert_eq!(code(site).unwrap(), "4/0Ab_c-D");
        assert_eq!(code("start-host --code 4/x").unwrap(), "4/x");
        assert_eq!(code("--code='4/x'").unwrap(), "4/x");
    }

    #[test]
    fn what_it_writes_for_clients_reads_back() {
        let first = CrdCode::from_command("--code=4/x").unwrap();
        assert_eq!(CrdCode::from_command(&first.to_command()).unwrap(), first);
    }

    #[test]
    fn names_what_is_wrong() {
        assert_eq!(code("  "), Err(CrdCommandError::Empty));
        assert_eq!(code("start-host --coder=1"), Err(CrdCommandError::NoCode));
        assert_eq!(code("start-host --code"), Err(CrdCommandError::InvalidCode));
        assert_eq!(code("--code=a --code=b"), Err(CrdCommandError::SeveralCodes));
        assert_eq!(code("--code=$(reboot)"), Err(CrdCommandError::InvalidCode));
        assert_eq!(code("--code=;reboot"), Err(CrdCommandError::InvalidCode));
        assert_eq!(code("--code --name"), Err(CrdCommandError::InvalidCode));
        assert_eq!(code(&"x".repeat(5000)), Err(CrdCommandError::TooLong));
    }
}
