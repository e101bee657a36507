//! Rewrites files of older versions, and of the original's template, line by line: comments and
//! the order of keys stay.

pub mod command;
mod lines;
mod steps;

use std::path::Path;

pub use lines::Change;

use super::{Config, Environment, Problem, Problems};
use lines::Lines;

/// A file as it should be, and how it differs from what it was.
#[derive(Debug)]
pub struct Migration {
    pub text: String,
    /// In the order of the file; none: nothing had to be changed.
    pub changes: Vec<Change>,
    /// What the file can't say, as sentences for the operator.
    pub notes: Vec<String>,
}

impl Migration {
    /// What is still wrong with the file, which lies at `file`.
    pub fn left(&self, file: &Path) -> Result<(), Problems> {
        Config::check(&self.text, Some(file)).map(|_valid| ())
    }
}

/// Rewrites `yaml`. `environment`: the deployment's, where an old host name was made from it; the
/// file's own key wins.
pub fn migrate(yaml: &str, environment: Option<&Environment>) -> Result<Migration, Problem> {
    let mut lines = Lines::read(yaml)?;
    let notes = steps::take(&mut lines, environment)?;
    Ok(Migration { text: lines.text(), changes: lines.changes(), notes })
}

#[cfg(test)]
mod tests;
