//! Terraform's `-json` output: one message a line
//! (developer.hashicorp.com/terraform/internals/machine-readable-ui).

use lablink_core::operations::LogLevel;
use serde::Deserialize;

#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "@level", default)]
    level: String,
    #[serde(rename = "@message", default)]
    message: String,
    #[serde(rename = "type", default)]
    kind: String,
    diagnostic: Option<Diagnostic>,
    changes: Option<Changes>,
}

#[derive(Deserialize)]
struct Diagnostic {
    severity: String,
    summary: String,
    #[serde(default)]
    detail: String,
}

#[derive(Deserialize)]
struct Changes {
    add: i32,
    change: i32,
    remove: i32,
    #[serde(default)]
    operation: String,
}

/// Where a run stands, gathered from its messages.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Resources done, of all that the plan changes.
    pub done: i32,
    pub total: i32,
    /// The first error, in Terraform's words.
    pub first_error: Option<String>,
    /// Lines that the readable log has not got yet.
    pub lines: Vec<(LogLevel, String)>,
}

impl Progress {
    /// Takes in one line of output. What is no message, such as a crash, is logged as it is.
    pub fn take(&mut self, line: &str) {
        let Ok(raw) = serde_json::from_str::<Raw>(line) else {
            if !line.trim().is_empty() {
                self.log(LogLevel::Warn, line.to_owned());
            }
            return;
        };
        match raw.kind.as_str() {
            "diagnostic" => {
                if let Some(diagnostic) = raw.diagnostic {
                    self.diagnose(&diagnostic);
                }
                return;
            }
            "change_summary" => {
                if let Some(changes) = raw.changes
                    && changes.operation == "plan"
                {
                    self.total = changes.add + changes.change + changes.remove;
                }
            }
            "apply_complete" => self.done += 1,
            "version" | "outputs" | "refresh_start" | "refresh_complete" | "resource_drift" => {
                return;
            }
            _ => {}
        }
        let level = match raw.level.as_str() {
            "error" => LogLevel::Error,
            "warn" => LogLevel::Warn,
            _ => LogLevel::Info,
        };
        self.log(level, raw.message);
    }

    fn diagnose(&mut self, diagnostic: &Diagnostic) {
        let detail = diagnostic.detail.trim();
        let separator = if detail.is_empty() { "" } else { ": " };
        let text = format!("{}{separator}{detail}", diagnostic.summary);
        if diagnostic.severity == "error" {
            if self.first_error.is_none() {
                self.first_error = Some(text.clone());
            }
            self.log(LogLevel::Error, text);
        } else {
            self.log(LogLevel::Warn, text);
        }
    }

    fn log(&mut self, level: LogLevel, text: String) {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            self.lines.push((level, line.chars().filter(|c| !c.is_control()).take(2000).collect()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_keeps_the_first_error() {
        let mut progress = Progress::default();
        for line in [
            r#"{"@level":"info","@message":"Plan: 2 to add","type":"change_summary","changes":{"add":2,"change":0,"import":0,"remove":0,"operation":"plan"}}"#,
            r#"{"@level":"info","@message":"vm: Creation complete","type":"apply_complete","hook":{}}"#,
            r#"{"@level":"error","@message":"Error: No room","type":"diagnostic","diagnostic":{"severity":"error","summary":"No room","detail":"Ask for more.\nSoon."}}"#,
            r#"{"@level":"error","@message":"Error: Other","type":"diagnostic","diagnostic":{"severity":"error","summary":"Other"}}"#,
            "panic: runtime error",
        ] {
            progress.take(line);
        }
        assert_eq!((progress.done, progress.total), (1, 2));
        assert_eq!(progress.first_error.as_deref(), Some("No room: Ask for more.\nSoon."));
        assert_eq!(progress.lines.len(), 6);
        assert_eq!(progress.lines[5], (LogLevel::Warn, "panic: runtime error".to_owned()));
    }
}
