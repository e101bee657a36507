use std::iter;

use askama::Template;
use jiff::Timestamp;
use lablink_core::vms::{Sort, State};

use crate::states::{
    claim::Connection,
    gpu::Gpu,
    used_note::UsedNote,
    vm::{InstanceClaim, VmState},
};

/// `/admin/instances`: every VM. It changes by itself.
#[derive(Template)]
#[template(path = "vms/instances.html")]
pub struct InstancesPage {
    /// VMs that fit the search, also those on other pages.
    pub total: i64,
    /// At most 60 or so: a page stays under 50 KB.
    pub instances: Vec<InstanceRow>,
    pub search: InstancesSearch,
    /// Counted from 1.
    pub page: i64,
    pub pages: i64,
    /// What ages are counted from.
    pub now: Timestamp,
}

/// What the list is limited to and sorted by, as the form sends it; empty where nothing is chosen.
#[derive(Clone, Default)]
pub struct InstancesSearch {
    pub q: String,
    pub state: String,
    pub sort: String,
}

pub struct InstanceRow {
    /// None: a machine registered by hand.
    pub number: Option<i32>,
    pub hostname: String,
    pub state: VmState,
    pub claim: Option<InstanceClaim>,
    pub used: Option<UsedNote>,
    pub gpu: Gpu,
    /// The last sign of life of its agent.
    pub last_seen: Option<Timestamp>,
    pub created_at: Timestamp,
}

fn state_label(state: State) -> &'static str {
    match state {
        State::Removing => "Being removed",
        State::Barred => "Barred",
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
        Sort::Number => "Number",
        Sort::Name => "Name",
        Sort::State => "Trouble first",
        Sort::Participant => "Participant",
        Sort::LastSeen => "Longest silent",
        Sort::Newest => "Newest",
    }
}

impl InstancesPage {
    /// Of the form: words with their labels.
    fn states() -> Vec<(&'static str, &'static str)> {
        // Those that need nobody come first.
        let states = State::ALL.iter().rev().map(|state| (state.as_str(), state_label(*state)));
        iter::once(("", "Any")).chain(states).collect()
    }

    fn sorts() -> Vec<(&'static str, &'static str)> {
        Sort::ALL.iter().map(|sort| (sort.as_str(), sort_label(*sort))).collect()
    }

    fn is_filtered(&self) -> bool {
        !(self.search.q.is_empty() && self.search.state.is_empty())
    }

    fn moves(&self) -> bool {
        self.instances.iter().any(|vm| {
            matches!(vm.state, VmState::Starting | VmState::Removing | VmState::TokenDue)
                || vm.claim.as_ref().is_some_and(|claim| claim.connection.moves())
                || vm.used.as_ref().is_some_and(UsedNote::moves)
        })
    }
}

#[cfg(test)]
mod tests {
    use lablink_protocol::GpuHealth;

    use super::*;
    use crate::states::trouble::Trouble;
    use crate::states::{trouble::Attention, vm::Activity};

    fn page(claim: Option<InstanceClaim>, state: VmState) -> String {
        let row = InstanceRow {
            number: Some(41),
            hostname: "lablink-vm-dev-41<script>".to_owned(),
            state,
            claim,
            used: None,
            gpu: Gpu::from(Some(GpuHealth::Degraded)),
            last_seen: Some(Timestamp::from_second(88).unwrap()),
            created_at: Timestamp::UNIX_EPOCH,
        };
        let now = Timestamp::from_second(100).unwrap();
        listed(1, vec![row], InstancesSearch::default(), now)
    }

    #[test]
    fn a_claimed_vm_shows_its_participant() {
        let claim = InstanceClaim {
            email: "<script>@example.org".to_owned(),
            pin: "002041".to_owned(),
            connection: Connection::Ready,
            activity: Activity::InUse,
            since: Timestamp::UNIX_EPOCH,
        };
        let html = page(Some(claim), VmState::Claimed);
        for key in [">41<", ">002041<", ">&#60;script&#62;@example.org<", ">Ready<", ">In use<"] {
            assert!(html.contains(key), "{key}");
        }
        assert!(html.contains(">Degraded<") && html.contains(">12 s ago<"));
        assert!(!html.contains(r#"http-equiv="refresh""#), "nothing moves");
    }

    #[test]
    fn a_sick_vm_says_why() {
        let reason = "The GPU has fallen off the bus.".to_owned();
        let since = Timestamp::from_second(40).ok();
        let attention = Attention { trouble: Trouble::Unhealthy, since, reason };
        let html = page(None, VmState::Attention(attention));
        assert!(html.contains(">Unhealthy<") && html.contains("fallen off the bus"));
        assert!(html.contains("1 min ago"), "since when");
        assert!(html.contains("lablink-vm-dev-41&#60;script&#62;"));
    }

    #[test]
    fn a_starting_vm_keeps_the_page_moving_without_script() {
        assert!(page(None, VmState::Starting).contains(r#"http-equiv="refresh""#));
    }

    #[test]
    fn an_empty_pool_says_what_to_do() {
        let now = Timestamp::UNIX_EPOCH;
        let html = listed(0, Vec::new(), InstancesSearch::default(), now);
        assert!(html.contains("No VMs yet") && html.contains(r#"href="/admin/create""#));
        let search = InstancesSearch { q: "<ada>".to_owned(), ..InstancesSearch::default() };
        let html = listed(0, Vec::new(), search, now);
        assert!(html.contains("No VM matches") && html.contains(r#"value="&#60;ada&#62;""#));
    }

    #[test]
    fn pages_keep_the_search() {
        let search = InstancesSearch {
            q: "ada".to_owned(),
            state: "stale".to_owned(),
            sort: "name".to_owned(),
        };
        let row = InstanceRow {
            number: None,
            hostname: "desk".to_owned(),
            state: VmState::Free,
            claim: None,
            used: None,
            gpu: Gpu::Absent,
            last_seen: None,
            created_at: Timestamp::UNIX_EPOCH,
        };
        let (instances, now) = (vec![row], Timestamp::UNIX_EPOCH);
        let page = InstancesPage { total: 150, instances, search, page: 2, pages: 3, now };
        let html = page.render().unwrap();
        for key in ["Page 2 of 3", r#"name="page" value="1""#, r#"name="page" value="3""#] {
            assert!(html.contains(key), "{key}");
        }
        assert!(html.contains(r#"<input type="hidden" name="q" value="ada">"#));
        assert!(html.contains(r#"<option value="stale" selected>"#));
    }

    fn listed(
        total: i64,
        instances: Vec<InstanceRow>,
        search: InstancesSearch,
        now: Timestamp,
    ) -> String {
        InstancesPage { total, instances, search, page: 1, pages: 1, now }.render().unwrap()
    }
}
