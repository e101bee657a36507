use std::path::{Path, PathBuf};

use crate::config::{
    section::Section,
    syntax::{Parsed, boolean, one_of, text},
};

/// `startup_script`: an organiser's own script, run on each VM before it is ready.
#[derive(Clone, Debug)]
pub struct StartupScript {
    /// Default false.
    pub enabled: bool,
    /// Relative to the folder above the configuration's; default empty.
    pub path: String,
    /// `continue` or `fail`; default `continue`.
    pub on_error: OnError,
}

/// What a script that exits with a failure means for its VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// A warning.
    Continue,
    /// The end: the VM reports an error.
    Fail,
}

impl OnError {
    /// The value of the Terraform variable `startup_on_error`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Continue => "continue",
            Self::Fail => "fail",
        }
    }

    fn parse(text: &str) -> Parsed<Self> {
        one_of(&[("continue", Self::Continue), ("fail", Self::Fail)], text)
    }
}

impl StartupScript {
    pub(in crate::config) fn read(script: &mut Section<'_>) -> Self {
        Self {
            enabled: script.value("enabled", boolean).unwrap_or(false),
            path: script.value("path", text).unwrap_or_default(),
            on_error: script.value("on_error", OnError::parse).unwrap_or(OnError::Continue),
        }
    }

    /// The script to ship, if it is enabled and there: found from the folder above that of
    /// `config_file`, from that folder itself, or under the name that a deployment gives it beside
    /// the configuration (contract §3.5).
    pub fn find(&self, config_file: &Path) -> Option<PathBuf> {
        if !self.enabled || self.path.is_empty() {
            return None;
        }
        let config_file = std::path::absolute(config_file).ok()?;
        let folder = config_file.parent()?;
        [
            folder.parent().unwrap_or(folder).join(&self.path),
            folder.join(&self.path),
            folder.join("custom-startup.sh"),
        ]
        .into_iter()
        .find(|path| path.is_file())
    }
}
