use askama::Template;
use jiff::Timestamp;

use super::list_bar::ListBar;
use crate::states::{
    claim::Connection,
    gpu::Gpu,
    used_note::UsedNote,
    vm::{InstanceClaim, VmState},
};

/// `/admin/instances`: a page of the VMs. It changes by itself.
#[derive(Template)]
#[template(path = "vms/instances.html")]
pub struct InstancesPage {
    /// VMs of the list, also those on other pages. None: they were not counted.
    pub count: Option<i64>,
    /// At most 60 or so: a page stays under 50 KB.
    pub instances: Vec<InstanceRow>,
    pub list: ListBar,
    /// What ages are counted from.
    pub now: Timestamp,
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

impl InstancesPage {
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
        listed(vec![row], ListBar::default())
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
        let html = listed(Vec::new(), ListBar::default());
        assert!(html.contains("No VMs yet") && html.contains(r#"href="/admin/create""#));
        let list = ListBar { q: "<ada>".to_owned(), ..ListBar::default() };
        let html = listed(Vec::new(), list);
        assert!(html.contains("No VM matches") && html.contains(r#"value="&#60;ada&#62;""#));
        let previous = Some("/admin/instances?until=0.5".to_owned());
        let html = listed(Vec::new(), ListBar { previous, ..ListBar::default() });
        assert!(html.contains("No VM comes after") && html.contains("?until=0.5"));
    }

    #[test]
    fn a_page_leads_to_the_others_and_tells_what_it_shows() {
        let list = ListBar {
            show: "stale".to_owned(),
            previous: Some("/admin/instances?show=stale&until=0.5".to_owned()),
            next: Some("/admin/instances?show=stale&after=0.9".to_owned()),
            ..ListBar::default()
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
        let html = listed(vec![row], list);
        for key in ["show=stale&#38;until=0.5", "show=stale&#38;after=0.9", ">Previous<", ">Next<"]
        {
            assert!(html.contains(key), "{key}");
        }
        assert!(html.contains(r#"<option value="stale" selected>"#));
    }

    fn listed(instances: Vec<InstanceRow>, list: ListBar) -> String {
        let now = Timestamp::from_second(100).unwrap();
        InstancesPage { count: Some(150), instances, list, now }.render().unwrap()
    }
}
