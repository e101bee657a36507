use std::fmt;

use lablink_core::vms::{Sort, State};

/// What a list of VMs is limited to, and the ways to its other pages. `vms/list.html` renders it.
#[derive(Clone, Default)]
pub struct ListBar {
    /// Of the page that has the list.
    pub path: &'static str,
    /// What is looked for, as it was typed.
    pub q: String,
    /// The word of what is shown; empty where nothing was chosen.
    pub show: String,
    /// The place of this page, as its URL has it.
    pub after: String,
    pub until: String,
    /// URLs.
    pub previous: Option<String>,
    pub next: Option<String>,
}

/// How many VMs a list has.
#[derive(Clone, Copy)]
pub enum ListCount {
    Exactly(i64),
    MoreThan(i64),
}

impl ListCount {
    /// What a form sends back: if there are more by then, nothing is done.
    pub fn told(self) -> Option<i64> {
        match self {
            Self::Exactly(vms) => Some(vms),
            Self::MoreThan(_) => None,
        }
    }
}

impl fmt::Display for ListCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(vms) => vms.fmt(f),
            Self::MoreThan(vms) => write!(f, "more than {vms}"),
        }
    }
}

impl ListBar {
    /// Orders of all VMs: words with their labels.
    pub fn sorts() -> Vec<(&'static str, &'static str)> {
        Sort::ALL.iter().map(|sort| (sort.as_str(), sort_label(*sort))).collect()
    }

    /// Those that need nobody come first.
    pub fn states() -> Vec<(&'static str, &'static str)> {
        State::ALL.iter().rev().map(|state| (state.as_str(), state_label(*state))).collect()
    }

    /// Whether some VMs are left out.
    pub fn is_filtered(&self) -> bool {
        !self.q.is_empty()
            || self.show.parse::<State>().is_ok()
            || self.show == Sort::Participant.as_str()
    }

    /// Whether all that the list has is on this page.
    pub fn is_whole(&self) -> bool {
        self.previous.is_none() && self.next.is_none()
    }

    /// Whether this is the list's first page.
    pub fn is_first(&self) -> bool {
        self.previous.is_none()
    }
}

fn state_label(state: State) -> &'static str {
    match state {
        State::Removing => "Being removed",
        State::Barred => "Barred",
        State::Ending => "Taken back by the cloud",
        State::Failed => "Failed",
        State::Unhealthy => "Unhealthy",
        State::Overdue => "Overdue",
        State::Starting => "Starting",
        State::Used => "Used before",
        State::TokenDue => "Taking a new token",
        State::Suspect => "Suspect",
        State::Stale => "Silent",
        State::Claimed => "Claimed",
        State::Offered => "Kept for the line",
        State::Free => "Free",
    }
}

fn sort_label(sort: Sort) -> &'static str {
    match sort {
        Sort::Number => "by number",
        Sort::Name => "by name",
        Sort::Newest => "newest first",
        Sort::Trouble => "trouble first",
        Sort::Silence => "silent ones first",
        Sort::Participant => "with a participant, by e-mail",
    }
}
