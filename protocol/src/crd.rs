mod error;
mod repair;
mod search;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use error::CrdCommandError;
use search::is_of_code;

/// The one-time code of a Chrome Remote Desktop command: the only part of what a participant
/// pastes that LabLink keeps. Everything else of the command is rebuilt on the VM.
///
/// Holds 1 to 512 characters of `A-Z a-z 0-9 _ / -` and never starts with `-`, so it can't be
/// mistaken for an option.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CrdCode(String);

const LONGEST_COMMAND: usize = 4096;
const LONGEST_CODE: usize = 512;

impl CrdCode {
    /// How the codes begin whose desktop is shown in the tab alone; none of Google's does.
    pub const FOR_TAB: &str = "lablink-tab-";

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

    /// The same, of what a participant has sent: that is never a code of ours.
    pub fn typed(command: &str) -> Result<Self, CrdCommandError> {
        match Self::from_command(command)? {
            ours if ours.is_for_tab() => Err(CrdCommandError::NoCode),
            code => Ok(code),
        }
    }

    /// The code of a claim that needs no Chrome Remote Desktop: it stands where a participant's code
    /// would, so that older programs treat it as one that they can't guess. `secret` is made of what
    /// a code may hold.
    pub fn for_tab(secret: &str) -> Self {
        Self(format!("{}{secret}", Self::FOR_TAB))
    }

    /// Whether the desktop is shown in the browser's tab alone.
    pub fn is_for_tab(&self) -> bool {
        self.0.starts_with(Self::FOR_TAB)
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
