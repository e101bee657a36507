use std::iter;

use askama::Template;
use jiff::Timestamp;
use lablink_core::operations::OperationState;

use super::summary::OperationSummary;
use crate::pages::Labelled;

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

impl OperationsPage {
    /// Of the form: words with their labels.
    fn states() -> Vec<(&'static str, &'static str)> {
        let states = OperationState::ALL.iter();
        let states = states.map(|it| (it.as_str(), it.label()));
        iter::once(("", "Any")).chain(states).collect()
    }

    fn is_filtered(&self) -> bool {
        !(self.kind.is_empty() && self.state.is_empty())
    }

    fn moves(&self) -> bool {
        self.operations.iter().any(|operation| operation.moves())
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
        for key in ["Launch 5 VMs", ">Interrupted</span>", "1 min 15 s", "1970-01-01T00:00:00Z"] {
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
