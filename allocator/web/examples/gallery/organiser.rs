use std::net::IpAddr;

use lablink_protocol::{CloudNotice, GpuReading, Vitals};
use lablink_web::gallery::*;

use crate::{Pages, SCRIPT, add, before, now};

pub fn add_all(pages: &mut Pages) -> askama::Result<()> {
    let email = "a.very.long.name@students.university.example";
    let vm = |source, state, claim, gpu| VmPage {
        hostname: "lablink-vm-prod-6".to_owned(),
        source,
        state,
        gpu,
        claim,
        used: None,
        last_seen: Some(before(14)),
        never_enrolled: false,
        waits: None,
        created_at: before(7200),
        gpu_reason: None,
        vitals: Vitals {
            run: None,
            agent_version: Some("0.1.0".to_owned()),
            cpu_percent: Some(23),
            memory_percent: Some(41),
            memory_total_bytes: Some(16_700_000_000),
            disk_percent: Some(62),
            disk_total_bytes: Some(120 << 30),
            gpu_driver: Some("550.54.15".to_owned()),
            gpus: Some(vec![GpuReading {
                name: Some("Tesla T4".to_owned()),
                temperature_celsius: Some(61),
                utilization_percent: Some(97),
                memory_percent: Some(55),
                memory_total_bytes: Some(16 << 30),
                power_watts: Some(68),
            }]),
            cleaning: None,
            desktop: None,
            token: None,
            locks_out: Some(true),
            notice: None,
        },
        instance: (source == Source::Aws).then(|| Instance {
            id: "i-0a1b2c3d4e5f67890".to_owned(),
            machine_type: "g4dn.xlarge".to_owned(),
            zone: "us-west-2b".to_owned(),
            private_address: Some(IpAddr::from([172, 31, 24, 107])),
            public_address: Some(IpAddr::from([203, 0, 113, 107])),
        }),
        setup: Setup {
            image: Some(ClientImage::Old),
            script: Some(ScriptRun { attempts: 2, exit_status: 0 }),
        },
        shelter: None,
        host_key: Some("ssh-ed25519 SHA256:qpxKLo8q2PhU2HY/l4e8x7Fkpmn8O1Z/SzTgaZQDN6o".to_owned()),
        timeline: Timeline { rows: starts(1) },
        dropped: None,
        claims: vec![
            past(email, Connection::Ready, None),
            past(SCRIPT, Connection::Ready, Some((before(3600), ReleaseReason::Returned))),
        ],
        happenings: vec![Happening {
            at: before(90),
            text: "lablink-vm-prod-6 went from initializing to running".to_owned(),
            actor: "agent:lablink-vm-prod-6".to_owned(),
        }],
        now: now(),
    };
    let claim = || {
        Some(InstanceClaim {
            email: email.to_owned(),
            pin: "204817".to_owned(),
            connection: Connection::Ready,
            activity: Activity::InUse,
            since: before(1500),
        })
    };
    add(pages, "vm", &vm(Source::Aws, VmState::Claimed, claim(), Gpu::Healthy))?;
    let reason = "The GPU has fallen off the bus (XID 79). Replace this VM.".to_owned();
    let attention = |trouble, since, reason: &str| {
        VmState::Attention(Attention { trouble, since, reason: reason.to_owned() })
    };
    let manual = VmPage {
        timeline: Timeline { rows: Vec::new() },
        dropped: Some((1_960_000, before(120))),
        claims: Vec::new(),
        vitals: Vitals::default(),
        hostname: "desk-7.lab.example.org".to_owned(),
        ..vm(Source::Manual, attention(Trouble::Unhealthy, None, &reason), None, Gpu::Unhealthy)
    };
    add(pages, "vm-manual", &manual)?;
    let reason = format!("something is mounted at /home/lablink/home/{SCRIPT}: unmount it");
    let used = UsedNote {
        hostname: "desk-7.lab.example.org".to_owned(),
        by: Some(email.to_owned()),
        since: before(300),
        standing: UsedStanding::Failed { reason },
        now: now(),
    };
    let used = VmPage {
        timeline: Timeline { rows: Vec::new() },
        dropped: None,
        hostname: "desk-7.lab.example.org".to_owned(),
        used: Some(used),
        ..vm(Source::Manual, VmState::Used, None, Gpu::Healthy)
    };
    add(pages, "vm-used", &used)?;
    let begun = "Its machine was started, but its agent has not reported that it runs.";
    let overdue = attention(Trouble::Overdue, Some(before(1500)), begun);
    let overdue = VmPage {
        claims: Vec::new(),
        vitals: Vitals::default(),
        last_seen: None,
        ..vm(Source::Aws, overdue, None, Gpu::Unreported)
    };
    add(pages, "vm-overdue", &overdue)?;
    let reason = "vm.sh resume of lablink-vm-dev-3 ended with exit code 1: the agent ended at once; \
                  the end of agent.log: exec: /opt/lablink/lablink-client: not found";
    let broken = attention(Trouble::Broken, Some(before(30)), reason);
    add(pages, "vm-broken", &vm(Source::Local, broken, None, Gpu::Healthy))?;
    let unheard = "Its agent does not answer any more.";
    let suspect = attention(Trouble::Suspect, Some(before(400)), unheard);
    let stolen = "Somebody waited for its next claim with a token that is dead: one that was copied while \
                  somebody had it, most likely. They learnt nothing, and nobody can claim it for now.";
    let within = "Somebody waited for what its participant is given, with a token that is dead: one that \
                  was copied while somebody had it, most likely. Who has it keeps it, and nobody can \
                  claim it next. If you have just locked somebody out or made a new link, and its \
                  agent is silent since, they have its new token: then end the claim and give a fresh \
                  machine.";
    let ending = attention(
        Trouble::Ending,
        None,
        "Its cloud takes this machine back: 8 Aug 2026, 14:03 UTC. Nobody can claim it.",
    );
    add(pages, "vm-taken-back", &vm(Source::Aws, ending, claim(), Gpu::Healthy))?;
    let mut maintained = vm(Source::Aws, VmState::Free, None, Gpu::Healthy);
    maintained.vitals.notice = Some(CloudNotice::Maintenance {
        code: "system-reboot".to_owned(),
        description: format!("scheduled reboot {SCRIPT}"),
        from: "21 Jan 2027 09:00:43 GMT".to_owned(),
    });
    add(pages, "vm-maintenance", &maintained)?;
    let barred = |source, reason, claim| VmPage {
        shelter: Some(Shelter::WithinReach {
            reason: format!("the desktop's account {SCRIPT} can become root: by sudo"),
        }),
        ..vm(source, attention(Trouble::Barred, Some(before(400)), reason), claim, Gpu::Healthy)
    };
    add(pages, "vm-barred", &barred(Source::Manual, stolen, None))?;
    add(pages, "vm-barred-claimed", &barred(Source::Aws, within, claim()))?;
    let due = "A claim has ended, and its agent is an older one that can’t take a new token. So nobody \
               can claim it: its last participant may have copied the token.";
    let due = VmPage {
        shelter: Some(Shelter::OlderAgent),
        ..vm(
            Source::Manual,
            attention(Trouble::TokenDue, Some(before(90)), due),
            None,
            Gpu::Healthy,
        )
    };
    add(pages, "vm-token-due", &due)?;
    let original = VmPage {
        shelter: Some(Shelter::NoToken),
        ..vm(Source::Unknown, VmState::TokenDue, None, Gpu::Absent)
    };
    add(pages, "vm-original", &original)?;
    add(pages, "vm-suspect", &vm(Source::Local, suspect, claim(), Gpu::Healthy))?;

    let confirm = |deed, afterwards| ConfirmPage {
        deed,
        hostname: "lablink-vm-prod-6".to_owned(),
        holder: Some(Holder { email: email.to_owned(), activity: Activity::InUse }),
        afterwards,
        last: Some(before(720)),
        extension: "slp".to_owned(),
        now: now(),
    };
    add(pages, "confirm-release", &confirm(Deed::Release, Afterwards::Replaced))?;
    add(pages, "confirm-release-cleaned", &confirm(Deed::Release, Afterwards::Cleaned))?;
    add(pages, "confirm-replace", &confirm(Deed::Replace, Afterwards::Replaced))?;
    add(pages, "confirm-delete", &confirm(Deed::Delete, Afterwards::Replaced))?;
    add(pages, "confirm-forget", &confirm(Deed::Forget, Afterwards::Reused))?;

    let claims = (1..=24).map(|id| OpenClaim {
        id,
        email: format!("participant{id}@students.example.org"),
        hostname: format!("lablink-vm-prod-{id}"),
        connection: Connection::Ready,
        since: before(60 * id),
    });
    let participants = ParticipantsPage {
        note: Some(
            "Anybody who reaches this address can take machines and places in line. Set an access \
             code (app.access_code) and give it to the class. A list of e-mail domains does not \
             help, because anybody can make up an address.",
        ),
        crowd: Some(AddressCrowd { place: 7, places: 30 }),
        reentries: vec![ReentryRow {
            claim_id: 3,
            email: SCRIPT.to_owned(),
            hostname: "lablink-vm-prod-3".to_owned(),
            asked: 3,
            last_asked_at: before(70),
        }],
        same_person: vec![SamePersonRow {
            first: ("dee@müller.example".to_owned(), "lablink-vm-prod-4".to_owned()),
            later: ("dee@xn--mller-kva.example".to_owned(), "lablink-vm-prod-5".to_owned()),
        }],
        line: places(),
        claims: claims.collect(),
        next: None,
        now: now(),
    };
    add(pages, "participants", &participants)?;
    let nobody = ParticipantsPage {
        note: None,
        crowd: None,
        reentries: Vec::new(),
        same_person: Vec::new(),
        line: Vec::new(),
        claims: Vec::new(),
        next: None,
        now: now(),
    };
    add(pages, "participants-empty", &nobody)?;
    add(pages, "machine", &machine(String::new(), SshTyped::default(), None))?;
    let error =
        Some((MachineField::Hostname, "There is a machine of this name already.".to_owned()));
    add(pages, "machine-error", &machine(SCRIPT.to_owned(), SshTyped::default(), error))?;
    let typed = SshTyped {
        address: "desk-7.lab.example.org".to_owned(),
        login: "ada lovelace".to_owned(),
        ..SshTyped::default()
    };
    let error = "ssh login: write a user name of at most 32 letters, digits, dots, - and _, such \
                 as ubuntu.";
    let refused = machine("desk-7".to_owned(), typed, Some((MachineField::Ssh, error.to_owned())));
    add(pages, "machine-ssh", &refused)?;
    let install = InstallPage {
        hostname: "desk-7.lab.example.org".to_owned(),
        command: format!(
            "printf %s Jx7Qd0nXb2bqW1_3nYk0d7e8aaTq5Zs9mPp4rVv6w | sh -c 's=$(curl -fsSL \
             https://lablink.example.org/install); [ \"$(printf \"%s\\n\" \"$s\" | sha256sum | cut \
             -c1-64)\" = {sum} ] || {{ echo \"lablink: this is not the script that the command was made \
             for, so nothing was run. Make a new install command.\" >&2; exit 1; }}; sudo sh -c \
             \"$s\" lablink {sum} \"$@\"' lablink desk-7.lab.example.org",
            sum = "9b31c0".repeat(11).get(..64).unwrap_or_default(),
        ),
        expires_at: before(-3600),
    };
    add(pages, "install", &install)
}

fn machine(
    hostname: String,
    ssh: SshTyped,
    problem: Option<(MachineField, String)>,
) -> MachinePage {
    MachinePage { hostname, ssh, problem }
}

fn past(
    email: &str,
    connection: Connection,
    end: Option<(jiff::Timestamp, ReleaseReason)>,
) -> PastClaim {
    PastClaim { email: email.to_owned(), connection, from: before(9000), end }
}

pub fn places() -> Vec<PlaceRow> {
    let place = |email: &str, since, offered: Option<&str>| PlaceRow {
        id: since,
        of_address: Some(1),
        is_invited: offered.is_some(),
        email: email.to_owned(),
        since: before(since),
        last_looked_at: before(8),
        offered: offered.map(str::to_owned),
    };
    vec![
        place("grace.hopper@students.example", 900, Some("lablink-vm-prod-12")),
        place("a.very.long.name@students.university.example", 400, None),
    ]
}

pub fn starts(vms: u32) -> Vec<TimelineRow> {
    let row = |number: u32| {
        let slower = f64::from(number * 7 % 5) * 9.0;
        let stages = [
            ("Terraform", "terraform", 0.0, 42.0 + slower),
            ("Cloud-init", "cloud-init", 48.0 + slower, 60.0),
            ("Container", "container", 111.0 + slower, 35.0 + slower),
        ];
        let drawn = stages.map(|(name, class, from_seconds, seconds)| Stretch {
            name,
            class,
            from_seconds,
            seconds,
        });
        TimelineRow {
            hostname: format!("lablink-vm-prod-{}", 20 - number),
            stages: if number == 0 { Vec::new() } else { drawn.into() },
            ready_seconds: (number != 0).then_some(155.0 + 2.0 * slower),
        }
    };
    (if vms == 1 { 1..2 } else { 0..vms }).map(row).collect()
}

pub fn usage() -> Vec<UsageSample> {
    let sample = |nth: i64| UsageSample {
        at: before((48 - nth) * 900),
        claimed: (nth / 3).min(11),
        in_use: (nth / 5).min(7),
        healthy: (nth / 2 + 4).min(18),
        degraded: i64::from(nth > 20) * 2,
        unhealthy: i64::from(nth > 35),
    };
    (0..=48).map(sample).collect()
}
