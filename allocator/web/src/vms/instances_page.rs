use askama::Template;
use jiff::Timestamp;
use lablink_protocol::GpuHealth;

use crate::{
    claims::page::Connection,
    pages::Tone,
    states::{trouble::Attention, used_note::UsedNote},
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

pub enum VmState {
    Starting,
    Free,
    /// Kept for somebody in line.
    Offered,
    Claimed,
    Attention(Attention),
    Removing,
    /// A participant had it, and it was neither made anew nor cleaned since.
    Used,
    /// Its agent takes a new token since a claim has ended.
    TokenDue,
}

pub struct InstanceClaim {
    pub email: String,
    pub pin: String,
    pub connection: Connection,
    pub activity: Activity,
    pub since: Timestamp,
}

/// Whether the participant's software runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    InUse,
    Idle,
}

#[derive(Clone, Copy)]
pub enum Gpu {
    Unreported,
    Healthy,
    Degraded,
    Unhealthy,
    Absent,
}

impl From<Option<GpuHealth>> for Gpu {
    fn from(health: Option<GpuHealth>) -> Self {
        match health {
            None => Self::Unreported,
            Some(GpuHealth::Healthy) => Self::Healthy,
            Some(GpuHealth::Degraded) => Self::Degraded,
            Some(GpuHealth::Unhealthy) => Self::Unhealthy,
            Some(GpuHealth::None) => Self::Absent,
        }
    }
}

impl Gpu {
    pub fn label(self) -> &'static str {
        match self {
            Self::Unreported => "Not reported",
            Self::Healthy => "Healthy",
            Self::Degraded => "Degraded",
            Self::Unhealthy => "Unhealthy",
            Self::Absent => "No GPU",
        }
    }

    pub fn tone(self) -> Tone {
        match self {
            Self::Unreported | Self::Absent => Tone::Quiet,
            Self::Healthy => Tone::Good,
            Self::Degraded => Tone::Warn,
            Self::Unhealthy => Tone::Bad,
        }
    }
}

impl VmState {
    pub fn label(&self) -> &'static str {
        match self {
            Self::Starting => "Starting",
            Self::Free => "Free",
            Self::Offered => "Kept for the line",
            Self::Claimed => "Claimed",
            Self::Attention(attention) => attention.trouble.label(),
            Self::Removing => "Being removed",
            Self::Used => "Used before",
            Self::TokenDue => "Taking a new token",
        }
    }

    pub fn tone(&self) -> Tone {
        match self {
            Self::Starting | Self::Claimed | Self::Offered | Self::TokenDue => Tone::Busy,
            Self::Free => Tone::Good,
            Self::Attention(attention) => attention.trouble.tone(),
            Self::Removing => Tone::Quiet,
            Self::Used => Tone::Warn,
        }
    }
}

impl Activity {
    pub fn label(self) -> &'static str {
        match self {
            Self::InUse => "In use",
            Self::Idle => "Idle",
        }
    }

    pub fn tone(self) -> Tone {
        match self {
            Self::InUse => Tone::Good,
            Self::Idle => Tone::Quiet,
        }
    }
}

impl InstancesPage {
    const STATES: [(&str, &str); 14] = [
        ("", "Any"),
        ("free", "Free"),
        ("offered", "Kept for the line"),
        ("claimed", "Claimed"),
        ("starting", "Starting"),
        ("barred", "Barred"),
        ("failed", "Failed"),
        ("unhealthy", "Unhealthy"),
        ("overdue", "Overdue"),
        ("stale", "Silent"),
        ("suspect", "Suspect"),
        ("used", "Used before"),
        ("token_due", "Taking a new token"),
        ("removing", "Being removed"),
    ];
    const SORTS: [(&str, &str); 6] = [
        ("", "Number"),
        ("name", "Name"),
        ("state", "Trouble first"),
        ("participant", "Participant"),
        ("last_seen", "Longest silent"),
        ("newest", "Newest"),
    ];

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
    use super::*;
    use crate::states::trouble::Trouble;

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
        for key in ["41", "002041", "&#60;script&#62;@example.org", "Ready", "In use<"] {
            assert!(html.contains(key), "{key}");
        }
        assert!(html.contains("Degraded") && html.contains("12 s ago"));
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
