use askama::Template;
use jiff::Timestamp;
use lablink_core::{
    collections::Collect,
    operations::{Destroy, GiveUp, Kind, Launch, OperationState, Replace},
};

use super::{conflict_page::ConflictCard, summary::OperationSummary};
use crate::{
    pages::{LogLevel, Tone},
    states::archive::ArchiveCard,
};

/// `/admin/operations/{id}`: one operation, live. It changes by itself
/// until the operation is over.
#[derive(Template)]
#[template(path = "operations/operation.html")]
pub struct OperationPage {
    pub operation: OperationSummary,
    /// What must succeed before this begins.
    pub first: Option<OperationSummary>,
    /// What it is a step of.
    pub parent: Option<OperationSummary>,
    /// When it starts at the earliest, while it waits.
    pub starts: Option<Starts>,
    /// Whether a cloud had no room for some of its VMs.
    pub is_partly_refused: bool,
    /// When what runs is stopped.
    pub deadline: Option<Timestamp>,
    /// Who approved or rejected it, and when.
    pub decided: Option<(String, Timestamp)>,
    /// What is collected, and what has come of it; only of a collection.
    pub results: Option<OperationResults>,
    /// What its collection left out though it may be results.
    pub left_out: Vec<LeftOut>,
    /// Why it failed, stopped or waits, in plain words.
    pub reason: Option<String>,
    /// What it found wrong with Terraform's state, and the ways out.
    pub conflict: Option<ConflictCard>,
    pub vms: Vec<OperationVm>,
    /// The end of the log, oldest line first.
    pub log: Vec<LogLine>,
    /// URL of the page with the lines before those.
    pub older_log: Option<String>,
    /// VMs that could be tried again.
    pub left: Vec<String>,
    /// How long this usually takes.
    pub usual_seconds: Option<i64>,
    /// What elapsed time is counted to while it runs.
    pub now: Timestamp,
}

/// Why an operation waits for a time.
pub enum Starts {
    /// That was asked for.
    At(Timestamp),
    /// An attempt has failed for a reason that may pass.
    Again(Timestamp),
}

pub struct OperationResults {
    pub extension: String,
    pub archive: ArchiveCard,
}

/// What was left out of one VM.
pub struct LeftOut {
    pub hostname: String,
    pub count: i64,
    /// The first of it, in words.
    pub what: String,
}

pub struct OperationVm {
    pub hostname: String,
    pub state: StepState,
    /// What happens to it, or why it failed.
    pub detail: Option<String>,
    /// How long it has taken so far, or in the end.
    pub seconds: Option<i64>,
}

/// How far the operation has come with one VM.
#[derive(Clone, Copy)]
pub enum StepState {
    Waiting,
    Working,
    Done,
    Failed,
    /// The operation ended first.
    Unfinished,
}

pub struct LogLine {
    pub at: Timestamp,
    pub level: LogLevel,
    pub text: String,
}

impl OperationPage {
    /// Terraform's errors, shown above the log so that nobody has to look for them. Each has its
    /// first line and the indented ones that follow it.
    fn errors(&self) -> Vec<(&str, Vec<&str>)> {
        let mut errors: Vec<(&str, Vec<&str>)> = Vec::new();
        for line in self.log.iter().filter(|line| line.level == LogLevel::Error) {
            match (line.text.strip_prefix("  "), errors.last_mut()) {
                (Some(more), Some((_, detail))) => detail.push(more),
                (Some(more), None) => errors.push((more, Vec::new())),
                (None, _) => errors.push((&line.text, Vec::new())),
            }
        }
        errors
    }

    /// Trying again would meet the same conflict.
    fn is_stuck(&self) -> bool {
        self.conflict.as_ref().is_some_and(|conflict| !conflict.solved)
    }

    /// VMs that were wanted and are broken can be removed as well as tried again.
    fn can_clean(&self) -> bool {
        matches!(self.operation.kind.as_str(), Launch::WORD | Replace::WORD)
    }

    /// Done of all that is to be done.
    fn progress(&self) -> String {
        let OperationSummary { kind, done, total, .. } = &self.operation;
        let what = if kind == Collect::WORD { "files" } else { "done" };
        format!("{done} of {total} {what}")
    }

    /// For screen readers: its state, and four steps on the way.
    fn tells(&self) -> String {
        let OperationSummary { title, state, done, total, .. } = &self.operation;
        let part = match (state, done * 4 / (*total).max(1)) {
            _ if self.operation.is_cancelling() => "",
            (OperationState::Running, 1) => ", a quarter done",
            (OperationState::Running, 2) => ", half done",
            (OperationState::Running, 3) => ", three quarters done",
            _ => "",
        };
        format!("{title}: {}{part}.", self.operation.label())
    }

    fn vms_stay(&self) -> bool {
        !matches!(self.operation.kind.as_str(), Destroy::WORD | GiveUp::WORD)
    }

    fn can_cancel(&self) -> bool {
        matches!(self.operation.state, OperationState::Queued | OperationState::Running)
            && !self.operation.is_cancelling()
    }

    /// Whether what was refused waits to be tried again.
    fn rest_waits(&self) -> bool {
        self.is_partly_refused && self.operation.state == OperationState::Queued
    }

    fn awaits_approval(&self) -> bool {
        self.operation.state == OperationState::AwaitingApproval
    }

    fn has_not_begun(&self) -> bool {
        matches!(self.operation.state, OperationState::AwaitingApproval | OperationState::Queued)
    }

    /// What it waits for, before anything is done.
    fn waits_for(&self) -> &'static str {
        match (self.operation.state, &self.starts) {
            (OperationState::AwaitingApproval, _) => "Waits for somebody to approve it",
            (OperationState::Queued, Some(Starts::Again(_))) => "Waits to be tried again",
            (OperationState::Queued, Some(Starts::At(_))) => "Waits for its time",
            (OperationState::Queued, None) => "Waits for the operation before it",
            _ => "Working out what to do",
        }
    }
}

impl StepState {
    fn label(self) -> &'static str {
        match self {
            Self::Waiting => "Waiting",
            Self::Working => "In progress",
            Self::Done => "Done",
            Self::Failed => "Failed",
            Self::Unfinished => "Not finished",
        }
    }

    fn tone(self) -> Tone {
        match self {
            Self::Waiting => Tone::Quiet,
            Self::Unfinished => Tone::Warn,
            Self::Working => Tone::Busy,
            Self::Done => Tone::Good,
            Self::Failed => Tone::Bad,
        }
    }
}

#[cfg(test)]
mod tests;
