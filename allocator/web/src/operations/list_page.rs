use askama::Template;
use jiff::Timestamp;

use crate::pages::Tone;

/// `/admin/operations`: what was done to the pool. It changes by itself.
#[derive(Template)]
#[template(path = "operations/operations.html")]
pub struct OperationsPage {
    /// The newest first.
    pub operations: Vec<OperationSummary>,
    /// URL of the page with older ones.
    pub next: Option<String>,
    /// The kinds that there are, each with its name.
    pub kinds: Vec<(&'static str, &'static str)>,
    /// What the list is limited to; empty for all.
    pub kind: String,
    pub state: String,
    /// What elapsed time is counted to while an operation runs.
    pub now: Timestamp,
}

/// One operation, as every page that names it shows it.
#[derive(Clone)]
pub struct OperationSummary {
    pub id: i64,
    /// The word of its kind: some have panels of their own.
    pub kind: String,
    pub title: String,
    pub state: OperationState,
    /// Who asked for it.
    pub actor: String,
    pub created_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// Resources done, of all that are to be done, or files; `total` is 0 while nobody knows.
    pub done: i32,
    pub total: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperationState {
    AwaitingApproval,
    Queued,
    Running,
    /// Runs, but was asked to stop.
    Cancelling,
    Succeeded,
    Failed,
    Cancelled,
    Interrupted,
}

impl OperationState {
    pub fn label(self) -> &'static str {
        match self {
            Self::AwaitingApproval => "Awaits approval",
            Self::Queued => "Queued",
            Self::Running => "Running",
            Self::Cancelling => "Cancelling",
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::Interrupted => "Interrupted",
        }
    }

    pub fn tone(self) -> Tone {
        match self {
            Self::Queued | Self::Cancelled => Tone::Quiet,
            Self::Running => Tone::Busy,
            Self::AwaitingApproval | Self::Cancelling | Self::Interrupted => Tone::Warn,
            Self::Succeeded => Tone::Good,
            Self::Failed => Tone::Bad,
        }
    }

    pub fn moves(self) -> bool {
        matches!(self, Self::AwaitingApproval | Self::Queued | Self::Running | Self::Cancelling)
    }
}

impl OperationSummary {
    /// From its start to its end, or to now. None before it starts.
    pub fn seconds(&self, now: &Timestamp) -> Option<i64> {
        let end = self.finished_at.as_ref().unwrap_or(now);
        self.started_at.map(|start| end.as_second() - start.as_second())
    }
}

impl OperationsPage {
    const STATES: [(&str, &str); 8] = [
        ("", "Any"),
        ("awaiting_approval", "Awaits approval"),
        ("queued", "Queued"),
        ("running", "Running"),
        ("succeeded", "Succeeded"),
        ("failed", "Failed"),
        ("cancelled", "Cancelled"),
        ("interrupted", "Interrupted"),
    ];

    fn is_filtered(&self) -> bool {
        !(self.kind.is_empty() && self.state.is_empty())
    }

    fn moves(&self) -> bool {
        self.operations.iter().any(|operation| operation.state.moves())
    }
}

#[cfg(test)]
impl OperationSummary {
    /// A launch of five VMs that started at the epoch, with two things of five done.
    pub fn sample(state: OperationState) -> Self {
        Self {
            id: 7,
            kind: "launch".to_owned(),
            title: "Launch 5 VMs".to_owned(),
            state,
            actor: "<script>admin</script>".to_owned(),
            created_at: Timestamp::UNIX_EPOCH,
            started_at: Some(Timestamp::UNIX_EPOCH),
            finished_at: None,
            done: 2,
            total: 5,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_what_was_done_by_whom_and_when() {
        let operations = vec![OperationSummary::sample(OperationState::Interrupted)];
        let next = Some("/admin/operations?before=7".to_owned());
        let html = OperationsPage {
            operations,
            next,
            now: Timestamp::from_second(75).unwrap(),
            kinds: vec![("launch", "Launch")],
            kind: String::new(),
            state: "interrupted".to_owned(),
        }
        .render()
        .unwrap();
        assert!(html.contains(r#"<option value="interrupted" selected>"#));
        for key in ["Launch 5 VMs", "Interrupted", "1 min 15 s", "1970-01-01T00:00:00Z"] {
            assert!(html.contains(key), "{key}");
        }
        assert!(html.contains(r#"href="/admin/operations?before=7""#));
        assert!(!html.contains("<script>admin"));
        assert!(!html.contains(r#"http-equiv="refresh""#), "nothing moves");
    }

    #[test]
    fn an_empty_list_says_what_to_do() {
        let mut page = OperationsPage {
            operations: Vec::new(),
            next: None,
            now: Timestamp::UNIX_EPOCH,
            kinds: Vec::new(),
            kind: String::new(),
            state: String::new(),
        };
        let html = page.render().unwrap();
        page.state = "failed".to_owned();
        assert!(page.render().unwrap().contains("No operation matches"));
        assert!(html.contains("No operation yet") && html.contains(r#"href="/admin/create""#));
    }

    #[test]
    fn elapsed_time_stops_when_the_operation_does() {
        let second = |second| Timestamp::from_second(second).unwrap();
        let mut operation = OperationSummary::sample(OperationState::Succeeded);
        assert_eq!(operation.seconds(&second(75)), Some(75));
        operation.finished_at = Some(second(60));
        assert_eq!(operation.seconds(&second(75)), Some(60));
        operation.started_at = None;
        assert_eq!(operation.seconds(&second(75)), None);
    }
}
