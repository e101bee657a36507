use askama::Template;
use lablink_core::state::Fault;

use crate::states::vm::Holder;

/// What an operation found wrong with Terraform's state, as its page shows it.
pub struct ConflictCard {
    pub fault: StateFault,
    /// VMs that exist, and that the state lacks.
    pub vms: Vec<String>,
    /// A later operation found nothing wrong any more.
    pub solved: bool,
}

/// What is wrong with a state that can't be true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateFault {
    Empty,
    Unreadable,
    OtherHistory,
    Older,
    Incomplete,
}

/// A way out of a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WayOut {
    BringBack,
    GiveUp,
}

/// `/admin/operations/{id}/bring-back` and `/give-up`: says what a way out does before it is taken.
#[derive(Template)]
#[template(path = "operations/conflict.html")]
pub struct ConflictPage {
    pub operation: i64,
    pub way: WayOut,
    pub fault: StateFault,
    pub vms: Vec<ConflictVm>,
    /// Why the form was not accepted.
    pub error: Option<String>,
}

pub struct ConflictVm {
    pub hostname: String,
    /// Who would lose it.
    pub holder: Option<Holder>,
    /// It stands in a cloud, where it may go on running.
    pub in_cloud: bool,
}

impl From<Fault> for StateFault {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Empty => Self::Empty,
            Fault::Unreadable => Self::Unreadable,
            Fault::OtherHistory => Self::OtherHistory,
            Fault::Older => Self::Older,
            Fault::Incomplete => Self::Incomplete,
        }
    }
}

impl StateFault {
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Empty => "Terraform’s state is empty, though it was not before.",
            Self::Unreadable => {
                "Terraform’s state is cut off, or it is not a state that LabLink knows."
            }
            Self::OtherHistory => {
                "Terraform’s state is not the one from before: it does not continue the last one."
            }
            Self::Older => "Terraform’s state is older than the last one that was seen.",
            Self::Incomplete => "Terraform’s state has lost VMs.",
        }
    }
}

impl WayOut {
    fn title(self) -> &'static str {
        match self {
            Self::BringBack => "Bring them back into the state",
            Self::GiveUp => "Give them up",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::BringBack => "bring-back",
            Self::GiveUp => "give-up",
        }
    }
}

impl ConflictPage {
    fn in_cloud(&self) -> bool {
        self.vms.iter().any(|vm| vm.in_cloud)
    }
}

#[cfg(test)]
impl ConflictCard {
    pub fn sample() -> Self {
        let vms = vec!["lablink-vm-dev-1<script>".to_owned()];
        Self { fault: StateFault::Empty, vms, solved: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::states::vm::Activity;

    fn page(way: WayOut, in_cloud: bool) -> String {
        let email = "<script>@example.org".to_owned();
        let vm = ConflictVm {
            hostname: "lablink-vm-dev-1".to_owned(),
            holder: Some(Holder { email, activity: Activity::InUse }),
            in_cloud,
        };
        let (fault, error) = (StateFault::Older, None);
        ConflictPage { operation: 7, way, fault, vms: vec![vm], error }.render().unwrap()
    }

    #[test]
    fn who_gives_up_reads_who_loses_what_and_confirms() {
        let html = page(WayOut::GiveUp, false);
        assert!(html.contains(r#"action="/api/operations/7/give-up""#));
        assert!(html.contains(r#"name="hostname" value="lablink-vm-dev-1""#));
        assert!(
            html.contains(r#"name="confirm""#) && html.contains("&#60;script&#62;@example.org")
        );
        assert!(html.contains("What you lose with each of these VMs"));
        assert!(!html.contains("may go on running there, and cost"));
        assert!(page(WayOut::GiveUp, true).contains("may go on running there, and cost"));
    }

    #[test]
    fn who_brings_back_reads_that_nothing_is_lost() {
        let html = page(WayOut::BringBack, true);
        assert!(html.contains(r#"action="/api/operations/7/bring-back""#));
        assert!(html.contains("older than the last") && !html.contains("you lose with"));
    }
}
