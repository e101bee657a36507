use askama::Template;
use jiff::Timestamp;
use lablink_core::{
    claims::ReleaseReason,
    pools::Source,
    startup::{ClientImage, ScriptRun, Setup},
    vms::Instance,
};
use lablink_protocol::{BrowserDesktop, CloudNotice, Vitals};

use super::confirm_page::Deed;
use crate::{
    history::happening::Happening,
    pages::{Labelled, Timeline},
    states::{
        claim::Connection,
        gpu::Gpu,
        source::is_made,
        trouble::Trouble,
        used_note::UsedNote,
        vm::{InstanceClaim, VmState},
    },
};

/// `/admin/vms/{hostname}`: one VM. It changes by itself.
#[derive(Template)]
#[template(path = "vms/vm.html")]
pub struct VmPage {
    pub hostname: String,
    pub source: Source,
    pub state: VmState,
    pub gpu: Gpu,
    pub claim: Option<InstanceClaim>,
    pub used: Option<UsedNote>,
    pub last_seen: Option<Timestamp>,
    pub created_at: Timestamp,
    /// Its agent has not enrolled, and could have long ago.
    pub never_enrolled: bool,
    /// Why its machine could not be made yet.
    pub waits: Option<String>,
    /// Why the GPU is not healthy.
    pub gpu_reason: Option<String>,
    /// What heartbeats have told of the machine.
    pub vitals: Vitals,
    /// Of a machine in a cloud that is made.
    pub instance: Option<Instance>,
    /// What the VM told of its own start.
    pub setup: Setup,
    /// None: earlier participants are shut off from its next claim.
    pub shelter: Option<Shelter>,
    /// The SSH host key of its first contact, as `ssh-keygen -l` shows it.
    pub host_key: Option<String>,
    pub timeline: Timeline,
    /// Lines of its log that were dropped, and when the last of them came.
    pub dropped: Option<(i64, Timestamp)>,
    /// The newest first; also those of earlier machines of this name.
    pub claims: Vec<PastClaim>,
    /// The newest first; also those of earlier machines of this name.
    pub happenings: Vec<Happening>,
    pub now: Timestamp,
}

/// Why an earlier participant may learn what the next one is given.
pub enum Shelter {
    /// Its agent shows no token: an original client.
    NoToken,
    /// Its agent can't take a new token.
    OlderAgent,
    /// The participant can get at the agent's token, for this reason.
    WithinReach { reason: String },
}

impl Shelter {
    fn words(&self) -> String {
        match self {
            Self::NoToken => {
                "Its agent shows no token, as original clients don’t. An earlier participant, or \
                 anybody who knows its name, can wait for its next claim and read the command and \
                 PIN of the next participant. Today’s agent prevents that."
                    .to_owned()
            }
            Self::OlderAgent => {
                "Its agent is too old to take a new token when a claim ends. So the machine is held \
                 after each claim. Today’s agent takes a new token by itself: replace the machine, \
                 or run a new install command on it."
                    .to_owned()
            }
            Self::WithinReach { reason } => format!(
                "The protection against earlier participants is off: {}. A participant can read the \
                 agent’s tokens, and with them what the next participant is given.",
                reason.trim_end_matches('.')
            ),
        }
    }
}

pub struct PastClaim {
    pub email: String,
    pub connection: Connection,
    pub from: Timestamp,
    /// None: it goes on.
    pub end: Option<(Timestamp, ReleaseReason)>,
}

impl VmPage {
    fn deeds(&self) -> Vec<(Deed, &'static str)> {
        let made = is_made(self.source);
        let going = matches!(self.state, VmState::Removing);
        [
            (self.claim.is_some(), (Deed::Release, "Take back…")),
            (made && !going, (Deed::Replace, "Replace…")),
            (made && !going, (Deed::Reboot, "Reboot…")),
            (made && !going, (Deed::Delete, "Delete…")),
            (!made, (Deed::Forget, "Remove from the pool…")),
        ]
        .into_iter()
        .filter_map(|(possible, deed)| possible.then_some(deed))
        .collect()
    }

    /// How the organiser's script went.
    fn script(&self) -> Option<String> {
        self.setup.script.map(|ScriptRun { attempts, exit_status }| {
            let tries =
                if attempts == 1 { "1 try".to_owned() } else { format!("{attempts} tries") };
            match exit_status {
                0 => format!("Succeeded after {tries}"),
                _ => format!("Failed after {tries}, the last with exit status {exit_status}"),
            }
        })
    }

    /// What is wrong with its container image.
    fn image(&self) -> Option<&'static str> {
        match self.setup.image? {
            ClientImage::Current => None,
            ClientImage::Old => Some(
                "An old one of LabLink’s: participants can read the agent’s token. Set a newer \
                 machine.image, and replace this VM.",
            ),
            ClientImage::Foreign => Some(
                "It has no agent of LabLink’s. The VM can be claimed only if the allocator admits \
                 other clients (LABLINK_AGENT_AUTH=open) and the image brings one.",
            ),
        }
    }

    fn tells_vitals(&self) -> bool {
        self.vitals != Vitals::default()
    }

    fn moves(&self) -> bool {
        matches!(self.state, VmState::Starting | VmState::Removing | VmState::TokenDue)
            || self.claim.as_ref().is_some_and(|claim| claim.connection.moves())
            || self.used.as_ref().is_some_and(UsedNote::moves)
    }
}

/// Such as `16 GiB`.
fn gib(bytes: &u64) -> String {
    let tenths = bytes / (1 << 30) * 10 + bytes % (1 << 30) * 10 / (1 << 30);
    match tenths {
        tenths if tenths % 10 == 0 || tenths >= 1000 => format!("{} GiB", tenths / 10),
        tenths => format!("{}.{} GiB", tenths / 10, tenths % 10),
    }
}

#[cfg(test)]
mod tests {
    use lablink_protocol::GpuReading;

    use super::*;
    use crate::states::{trouble::Attention, vm::Activity};

    fn page(source: Source, claimed: bool) -> String {
        shown(source, claimed, if claimed { VmState::Claimed } else { VmState::Free })
    }

    fn shown(source: Source, claimed: bool, state: VmState) -> String {
        let claim = claimed.then(|| InstanceClaim {
            email: "<script>@example.org".to_owned(),
            pin: "002041".to_owned(),
            connection: Connection::Ready,
            activity: Activity::InUse,
            since: Timestamp::UNIX_EPOCH,
        });
        VmPage {
            hostname: "vm-7".to_owned(),
            source,
            state,
            gpu: Gpu::Healthy,
            claim,
            used: None,
            last_seen: None,
            never_enrolled: false,
            waits: None,
            created_at: Timestamp::UNIX_EPOCH,
            gpu_reason: Some("hot <b>".to_owned()),
            vitals: Vitals {
                cpu_percent: Some(7),
                memory_total_bytes: Some(16 << 30),
                gpus: Some(vec![GpuReading {
                    name: Some("Tesla T4".to_owned()),
                    temperature_celsius: Some(61),
                    ..GpuReading::default()
                }]),
                ..Vitals::default()
            },
            instance: (source == Source::Aws).then(|| Instance {
                id: "i-0abc".to_owned(),
                machine_type: "t3.small".to_owned(),
                zone: "us-west-2b".to_owned(),
                private_address: Some([10, 0, 0, 7].into()),
                public_address: None,
            }),
            setup: Setup {
                image: Some(ClientImage::Foreign),
                script: Some(ScriptRun { attempts: 3, exit_status: 7 }),
            },
            shelter: Some(Shelter::WithinReach { reason: "<b>sudo</b>.".to_owned() }),
            host_key: None,
            timeline: Timeline { rows: Vec::new() },
            dropped: None,
            claims: vec![PastClaim {
                email: "bob@example.org".to_owned(),
                connection: Connection::Failed { reason: "<b>old</b> code".to_owned() },
                from: Timestamp::UNIX_EPOCH,
                end: Some((Timestamp::UNIX_EPOCH, ReleaseReason::Returned)),
            }],
            happenings: Vec::new(),
            now: Timestamp::UNIX_EPOCH,
        }
        .render()
        .unwrap()
    }

    #[test]
    fn says_what_is_wrong_since_when_and_what_to_do_next() {
        let reason = "The machine was started.".to_owned();
        let since = Some(Timestamp::UNIX_EPOCH);
        let attention = Attention { trouble: Trouble::Overdue, since, reason };
        let html = shown(Source::Manual, false, VmState::Attention(attention));
        for key in
            [">Overdue<", "1970-01-01", "What to do next", "new install command", "was started"]
        {
            assert!(html.contains(key), "{key}");
        }
    }

    #[test]
    fn a_barred_machine_is_let_in_again_by_who_has_read_what_that_means() {
        for claimed in [false, true] {
            let (reason, since) = ("A dead token.".to_owned(), Some(Timestamp::UNIX_EPOCH));
            let barred = Attention { trouble: Trouble::Barred, since, reason };
            let html = shown(Source::Manual, claimed, VmState::Attention(barred));
            for key in [
                ">Barred<",
                "A dead token.",
                "new install command",
                r#"method="post" action="/api/vms/vm-7/allow""#,
                "copied the old one",
            ] {
                assert!(html.contains(key), "{key}");
            }
        }
        assert!(!page(Source::Manual, false).contains("/allow"));
    }

    #[test]
    fn says_how_the_startup_script_went_and_what_is_wrong_with_the_image() {
        let html = page(Source::Aws, false);
        for key in [
            "<dt>Startup script</dt>",
            "Failed after 3 tries, the last with exit status 7",
            "<dt>Container image</dt>",
            "no agent of LabLink’s",
        ] {
            assert!(html.contains(key), "{key}");
        }
    }

    #[test]
    fn says_where_earlier_participants_are_not_shut_off() {
        let html = page(Source::Manual, false);
        for key in ["protection against earlier participants is off", "&#60;b&#62;sudo&#60;/b&#62;"]
        {
            assert!(html.contains(key), "{key}");
        }
        assert!(Shelter::NoToken.words().contains("original clients"));
        assert!(Shelter::OlderAgent.words().contains("the machine is held"));
    }

    #[test]
    fn offers_what_can_be_done_and_nothing_else() {
        for (source, claimed, deeds) in [
            (Source::Local, true, &["release", "replace", "delete"][..]),
            (Source::Local, false, &["replace", "delete"]),
            (Source::Manual, true, &["release", "forget"]),
            (Source::Manual, false, &["forget"]),
        ] {
            let html = page(source, claimed);
            for deed in ["release", "replace", "delete", "forget"] {
                let offered = html.contains(&format!("/admin/vms/vm-7/{deed}\""));
                assert_eq!(offered, deeds.contains(&deed), "{deed}");
            }
        }
        assert!(page(Source::Manual, false).contains("/admin/machines/vm-7/install"));
    }

    #[test]
    fn shows_how_the_machine_is_as_far_as_it_tells() {
        let html = page(Source::Local, false);
        for key in [">7 %<", "of 16 GiB<", ">Tesla T4<", ">61 °C<", "hot &#60;b&#62;"] {
            assert!(html.contains(key), "{key}");
        }
        assert!(!html.contains("<dt>Disk</dt>"), "not told");
    }

    #[test]
    fn tells_who_has_and_who_had_it() {
        let html = page(Source::Aws, true);
        for key in ["&#60;script&#62;@example.org", "002041", "bob@example.org", "Given back"] {
            assert!(html.contains(key), "{key}");
        }
        assert!(html.contains("&#60;b&#62;old&#60;/b&#62; code"));
    }

    #[test]
    fn tells_which_instance_a_machine_in_a_cloud_is() {
        let html = page(Source::Aws, false);
        for key in ["i-0abc", "t3.small in us-west-2b", "10.0.0.7 (private)"] {
            assert!(html.contains(key), "{key}");
        }
        assert!(!page(Source::Local, false).contains("<dt>Instance</dt>"));
    }
}
