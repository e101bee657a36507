//! What Terraform's messages add up to: progress, reasons, and a log that people can read.

use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

use jiff::Timestamp;
use lablink_core::{
    operations::{Lease, LeaseError, LogLevel, Makes, Report, Stage, Step},
    plain,
};
use lablink_protocol::Hostname;

use super::{
    message::{Deed, Diagnostic, TerraformMessage},
    reasons::{self, TooLittle},
};

/// Where a run stands, gathered from its messages.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Resources done, of all that the plan changes, and that earlier runs have done.
    done: i32,
    before: i32,
    total: i32,
    /// What a finished step means.
    makes: Makes,
    /// The first error, in plain words.
    pub first_error: Option<String>,
    /// Somebody else had the state's lock, so nothing was done.
    pub locked_out: bool,
    /// The first error of each VM.
    pub vm_errors: BTreeMap<Hostname, String>,
    /// VMs whose first error is that AWS has no room for them.
    pub refused: BTreeMap<Hostname, TooLittle>,
    steps: BTreeMap<Hostname, Step>,
    /// VMs that are destroyed first and then made anew.
    replaced: BTreeSet<Hostname>,
    /// What was not written to the operation's log yet.
    new_lines: Vec<(LogLevel, String)>,
    new_steps: BTreeSet<Hostname>,
    logged: usize,
}

impl Progress {
    /// For a run whose finished steps mean this, after earlier ones have done so much.
    pub fn of(makes: Makes, done: i32) -> Self {
        Self { makes, done, before: done, ..Self::default() }
    }

    /// Takes in one line of output. What is no message, such as a crash, is logged as it is.
    pub fn take(&mut self, line: &str) {
        let Ok(raw) = serde_json::from_str::<TerraformMessage>(line) else {
            if !line.trim().is_empty() {
                self.log(LogLevel::Warn, line);
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
                    self.total = self.before + changes.add + changes.change + changes.remove;
                }
            }
            "planned_change" => {
                if let Some(deed) = raw.change {
                    self.plan(&deed);
                }
                return;
            }
            "apply_start" | "apply_complete" | "apply_errored" => {
                if let Some(deed) = raw.hook {
                    self.step(&raw.kind, &deed, raw.at);
                }
            }
            // The steps say it already, or nobody needs it.
            "version" | "outputs" | "refresh_start" | "refresh_complete" | "resource_drift"
            | "apply_progress" | "provision_start" | "provision_complete" => return,
            "provision_progress" if raw.message.contains("(output suppressed") => return,
            _ => {}
        }
        let level = match raw.level.as_str() {
            "error" => LogLevel::Error,
            "warn" => LogLevel::Warn,
            _ => LogLevel::Info,
        };
        self.log(level, &raw.message);
    }

    /// Writes what is new to the operation. What could not be written is kept.
    pub async fn tell(&mut self, lease: &Lease) -> Result<(), LeaseError> {
        if self.new_lines.is_empty() && self.new_steps.is_empty() {
            return Ok(());
        }
        let steps: Vec<Step> =
            self.new_steps.iter().filter_map(|name| self.steps.get(name)).cloned().collect();
        let report = Report {
            done: self.done,
            total: self.total,
            lines: &self.new_lines,
            steps: &steps,
            makes: self.makes,
        };
        lease.advance(&report).await?;
        self.new_lines.clear();
        self.new_steps.clear();
        Ok(())
    }

    /// A step that Terraform knows nothing of.
    pub fn add(&mut self, step: Step) {
        self.new_steps.insert(step.hostname.clone());
        self.steps.insert(step.hostname.clone(), step);
    }

    fn plan(&mut self, deed: &Deed) {
        let Some(vm) = deed.resource.vm().filter(|_| deed.action != "read") else { return };
        if deed.action == "replace" {
            self.replaced.insert(vm.clone());
        }
        self.new_steps.insert(vm.clone());
        self.steps.insert(vm.clone(), Step::waiting(vm));
    }

    fn step(&mut self, kind: &str, deed: &Deed, at: Option<Timestamp>) {
        // What is only read is in no plan's count.
        let complete = kind == "apply_complete" && deed.action != "read";
        if complete {
            self.done += 1;
        }
        let Some(vm) = deed.resource.vm() else { return };
        self.new_steps.insert(vm.clone());
        let half_done = deed.action == "delete" && self.replaced.contains(&vm);
        let step = self.steps.entry(vm.clone()).or_insert_with(|| Step::waiting(vm));
        match kind {
            "apply_start" => {
                let destroys = deed.action == "delete";
                step.stage = if destroys { Stage::Destroying } else { Stage::Creating };
                step.started_at = step.started_at.or(at);
            }
            "apply_errored" => {
                step.stage = Stage::Failed;
                step.finished_at = at;
            }
            _ if complete && half_done => step.stage = Stage::Waiting,
            _ => {
                step.stage = Stage::Done;
                step.finished_at = at;
            }
        }
    }

    fn diagnose(&mut self, diagnostic: &Diagnostic) {
        let detail = diagnostic.detail.trim();
        let separator = if detail.is_empty() { "" } else { ": " };
        let text = format!("{}{separator}{detail}", diagnostic.summary);
        let is_error = diagnostic.severity == "error";
        let level = if is_error { LogLevel::Error } else { LogLevel::Warn };
        // A continued line is indented, so that pages fold it.
        let details = detail.lines().map(|line| format!("  {}", line.trim_end()));
        self.log(level, &diagnostic.summary);
        details.for_each(|line| self.log(level, &line));
        if !is_error {
            return;
        }
        self.locked_out |= reasons::is_lock(&text);
        let reason = reasons::plain(&text);
        if let Some(vm) = diagnostic.vm() {
            if let Some(step) = self.steps.get_mut(&vm) {
                step.detail.get_or_insert_with(|| reason.clone());
                self.new_steps.insert(vm.clone());
            }
            if let Entry::Vacant(first) = self.vm_errors.entry(vm.clone()) {
                first.insert(reason.clone());
                self.refused.extend(reasons::too_little(&text).map(|found| (vm, found)));
            }
        }
        self.first_error.get_or_insert(reason);
    }

    pub fn log(&mut self, level: LogLevel, text: &str) {
        for line in plain(text).lines().filter(|line| !line.trim().is_empty()) {
            self.logged += 1;
            let line = match self.logged {
                ..=LOG_LIMIT => line.chars().take(2000).collect(),
                n if n == LOG_LIMIT + 1 => {
                    "More lines are in terraform.jsonl in the operation's folder.".to_owned()
                }
                _ => return,
            };
            self.new_lines.push((level, line));
        }
    }
}

/// Lines that one operation's log takes. Errors come last, so this is far more than 500 VMs need.
const LOG_LIMIT: usize = 50_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_and_keeps_the_first_error() {
        let mut progress = Progress::default();
        for line in [
            r#"{"@level":"info","@message":"Plan: 2 to add","type":"change_summary","changes":{"add":2,"change":0,"import":0,"remove":0,"operation":"plan"}}"#,
            r#"{"@level":"info","@message":"data: Read complete","type":"apply_complete","hook":{"action":"read"}}"#,
            r#"{"@level":"info","@message":"vm: Creation complete","type":"apply_complete","hook":{}}"#,
            r#"{"@level":"error","@message":"Error: No room","type":"diagnostic","diagnostic":{"severity":"error","summary":"No room","detail":"Ask for more.\nSoon."}}"#,
            r#"{"@level":"error","@message":"Error: Other","type":"diagnostic","diagnostic":{"severity":"error","summary":"Other"}}"#,
            "panic: runtime error",
        ] {
            progress.take(line);
        }
        assert_eq!((progress.done, progress.total), (1, 2));
        assert_eq!(progress.first_error.as_deref(), Some("No room: Ask for more. Soon."));
        let error = |line: &str| (LogLevel::Error, line.to_owned());
        let told = ["No room", "  Ask for more.", "  Soon.", "Other"].map(error);
        assert_eq!(progress.new_lines[3..7], told);
        assert_eq!(progress.new_lines[7], (LogLevel::Warn, "panic: runtime error".to_owned()));
    }

    fn hook(kind: &str, action: &str, second: u32) -> String {
        serde_json::json!({
            "@timestamp": format!("2026-01-01T00:00:{second:02}Z"), "@message": "m", "type": kind,
            "hook": {"action": action,
                "resource": {"resource_name": "vm", "resource_key": "lablink-vm-dev-1"}},
        })
        .to_string()
    }

    #[test]
    fn times_each_vm_through_a_replacement() {
        let mut progress = Progress::default();
        let vm: Hostname = "lablink-vm-dev-1".parse().unwrap();
        progress.take(&hook("planned_change", "replace", 0).replace("\"hook\"", "\"change\""));
        assert_eq!(progress.steps[&vm].stage, Stage::Waiting);
        for (kind, action, second, stage) in [
            ("apply_start", "delete", 1, Stage::Destroying),
            ("apply_complete", "delete", 3, Stage::Waiting),
            ("apply_start", "create", 4, Stage::Creating),
            ("apply_complete", "create", 9, Stage::Done),
        ] {
            progress.take(&hook(kind, action, second));
            assert_eq!(progress.steps[&vm].stage, stage);
        }
        let step = &progress.steps[&vm];
        let seconds = step.finished_at.unwrap().as_second() - step.started_at.unwrap().as_second();
        assert_eq!((seconds, progress.done), (8, 2));
    }

    #[test]
    fn nothing_that_a_terminal_would_obey_gets_through() {
        let mut progress = Progress::default();
        progress.take("\u{1b}[31mpanic\u{1b}[0m: \u{1b}]0;title\u{7}at\tonce");
        progress.take(
            r#"{"@level":"error","type":"diagnostic","diagnostic":{"severity":"error","summary":"\u001b[1mNo\u001b[0m","detail":"\u202eroom\u001b[2J"}}"#,
        );
        let lines: Vec<&str> = progress.new_lines.iter().map(|(_, line)| line.as_str()).collect();
        assert_eq!(lines, ["panic: at\tonce", "No", "  room"]);
        assert_eq!(progress.first_error.as_deref(), Some("No: room"));
    }

    #[test]
    fn an_error_is_the_vm_s_own() {
        let mut progress = Progress::default();
        progress.take(&hook("apply_start", "create", 1));
        progress.take(&hook("apply_errored", "create", 2));
        progress.take(
            r#"{"@level":"error","type":"diagnostic","diagnostic":{"severity":"error","summary":"local-exec provisioner error","detail":"Error running command 'x': exit status 1. Output: no room","address":"terraform_data.vm[\"lablink-vm-dev-1\"]"}}"#,
        );
        let vm: Hostname = "lablink-vm-dev-1".parse().unwrap();
        let step = &progress.steps[&vm];
        assert_eq!(step.stage, Stage::Failed);
        assert!(step.detail.as_deref().unwrap().ends_with("no room"));
        assert_eq!(progress.vm_errors[&vm], *step.detail.as_ref().unwrap());
    }
}
