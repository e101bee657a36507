use askama::Template;
use lablink_core::state::Fault;

use crate::states::vm::Holder;

/// What an operation found wrong with Terraform's state, as its page shows it.
pub struct ConflictCard {
    pub fault: Fault,
    /// VMs that exist, and that the state lacks.
    pub vms: Vec<String>,
    /// A later operation found nothing wrong any more.
    pub solved: bool,
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
    pub fault: Fault,
    pub vms: Vec<ConflictVm>,
    /// Why the form was not accepted.
    pub error: Option<String>,
}

pub struct ConflictVm {
    pub hostname: String,
    /// The participant who would lose it.
    pub holder: Option<Holder>,
    /// It stands in a cloud, where it may go on running.
    pub in_cloud: bool,
}

/// What is wrong with a state that can't be true.
pub fn sentence(fault: Fault) -> &'static str {
    match fault {
        Fault::Empty => "Terraform’s state is empty, though it was not before.",
        Fault::Unreadable => {
            "Terraform’s state is cut off, or it is not a state that LabLink knows."
        }
        Fault::OtherHistory => {
            "Terraform’s state is not the one from before: it does not continue the last one."
        }
        Fault::Older => "Terraform’s state is older than the last one that was seen.",
        Fault::Incomplete => "Terraform’s state has lost VMs.",
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
        Self { fault: Fault::Empty, vms, solved: false }
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
        let (fault, error) = (Fault::Older, None);
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
