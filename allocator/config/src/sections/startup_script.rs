use std::{
    num::NonZero,
    path::{Path, PathBuf},
};

use crate::{
    section::Section,
    syntax::{Form, Parsed, Unfit, boolean, line, one_of, text},
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
    /// How often it is tried before it counts as failed, with pauses that grow: 1 to 10; default 3.
    pub attempts: NonZero<u32>,
    /// A command for bash that must end with 0 after the script has; default empty, for none.
    pub success_check: String,
}

/// What a script that exits with a failure means for its VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// A warning.
    Continue,
    /// The end: the VM reports an error.
    Fail,
}

const DEFAULT_ATTEMPTS: NonZero<u32> = NonZero::new(3).expect("3 is not 0");

fn attempts(text: &str) -> Parsed<NonZero<u32>> {
    let number = text.parse().ok().filter(|it: &NonZero<u32>| it.get() <= 10);
    let form = Form::Number { least: 1, most: 10 };
    number.ok_or_else(|| Unfit::expected(form, "a whole number from 1 to 10", text))
}

fn success_check(text: &str) -> Parsed<String> {
    match text.chars().count() {
        0 => Ok(String::new()),
        1..=1000 => line(text),
        _ => Err("expected a command of at most 1000 characters".into()),
    }
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
    pub(crate) fn read(script: &mut Section<'_>) -> Self {
        Self {
            enabled: script.value("enabled", boolean).unwrap_or(false),
            path: script.value("path", text).unwrap_or_default(),
            on_error: script.value("on_error", OnError::parse).unwrap_or(OnError::Continue),
            attempts: script.value("attempts", attempts).unwrap_or(DEFAULT_ATTEMPTS),
            success_check: script.value("success_check", success_check).unwrap_or_default(),
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
