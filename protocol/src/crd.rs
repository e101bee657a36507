mod repair;
mod search;
#[cfg(test)]
mod tests;

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
    #[error(
        "The command has several --code parts that differ. Copy it again, once, and paste only that."
    )]
    SeveralCodes,
    #[error("Nothing stands behind --code in the command. Copy the whole command again.")]
    EmptyCode,
    #[error(
        "The code in the command begins with a dash, so its beginning is missing. Copy the whole \
         command again."
    )]
    Headless,
    #[error(
        "A blank or a line break stands within the code or right behind it, so nobody can tell \
         where the code ends. Remove it, or copy the whole command again, in one line."
    )]
    Broken,
    #[error(
        "The code in the command holds a long dash ({0}): some program has put it there for - or \
         for --. Put back what stood there, or copy the command again, straight from the page."
    )]
    LongDash(char),
    #[error("The code in the command was cut short (…). Copy the whole command again.")]
    CutShort,
    #[error(
        "The code in the command holds {}, which no code has: it is made of the letters A to Z, \
         digits and _ / -. Copy the whole command again.",
        shown(*.0)
    )]
    Foreign(char),
    #[error("The command is too long to be a Chrome Remote Desktop command. Paste only that.")]
    TooLong,
}

fn shown(c: char) -> String {
    if c.is_whitespace() {
        "a blank".to_owned()
    } else if c.is_ascii_graphic() || c.is_alphanumeric() {
        format!("“{c}”")
    } else {
        format!("the character U+{:04X}", u32::from(c))
    }
}

const LONGEST_COMMAND: usize = 4096;
const LONGEST_CODE: usize = 512;

impl CrdCode {
    /// Takes the code out of a pasted command: `--code=X` or `--code X`, with or without quotes
    /// round `X`, whatever typesetting and encodings have made of it, as long as only one code can
    /// have stood there. Nothing is ever given to a shell.
    pub fn from_command(command: &str) -> Result<Self, CrdCommandError> {
        if command.len() > LONGEST_COMMAND {
            return Err(CrdCommandError::TooLong);
        }
        let command = repair::repaired(command);
        if command.trim().is_empty() {
            return Err(CrdCommandError::Empty);
        }
        let mut codes = search::codes(&command)?;
        // Pasted twice, it is still the same command.
        codes.dedup();
        match &codes[..] {
            [] => Err(CrdCommandError::NoCode),
            [code] => Self::new(code),
            [..] => Err(CrdCommandError::SeveralCodes),
        }
    }

    fn new(code: &str) -> Result<Self, CrdCommandError> {
        if code.is_empty() || code.starts_with("--") {
            return Err(CrdCommandError::EmptyCode);
        }
        match code.chars().find(|c| !u8::try_from(*c).is_ok_and(is_of_code)) {
            Some(dash @ ('–' | '—' | '―' | '‒')) => Err(CrdCommandError::LongDash(dash)),
            Some('…') => Err(CrdCommandError::CutShort),
            Some(foreign) => Err(CrdCommandError::Foreign(foreign)),
            None if code.starts_with('-') => Err(CrdCommandError::Headless),
            None if code.len() > LONGEST_CODE => Err(CrdCommandError::TooLong),
            None => Ok(Self(code.to_owned())),
        }
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

/// Whether a code may hold this.
fn is_of_code(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'/' | b'-')
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
