use lablink_web::gallery::*;

use crate::organiser::{places, starts, usage};
use crate::{Pages, SCRIPT, add, before, now};

pub fn add_all(pages: &mut Pages) -> askama::Result<()> {
    use OperationState::*;
    let summary = |id,
                   (kind, title): (&str, &str),
                   state,
                   done,
                   started: Option<i64>,
                   finished: Option<i64>| OperationSummary {
        id,
        kind: kind.to_owned(),
        title: title.to_owned(),
        state,
        cancel_requested: false,
        actor: "mara".to_owned(),
        created_at: before(9000 - id * 100),
        started_at: started.map(before),
        finished_at: finished.map(before),
        done,
        total: if started.is_some() { 24 } else { 0 },
    };
    let (launch, destroy) = (("launch", "Launch 8 VMs"), ("destroy", "Destroy 1 VM"));
    let all = vec![
        summary(8, ("reboot", "Reboot lablink-vm-prod-4"), AwaitingApproval, 0, None, None),
        summary(7, launch, Queued, 0, None, None),
        summary(6, launch, Running, 9, Some(75), None),
        OperationSummary {
            cancel_requested: true,
            ..summary(5, destroy, Running, 3, Some(200), None)
        },
        summary(4, launch, Succeeded, 24, Some(4000), Some(3790)),
        summary(3, launch, Failed, 11, Some(5000), Some(4100)),
        summary(2, destroy, Cancelled, 4, Some(6000), Some(5900)),
        summary(1, launch, Interrupted, 14, Some(8000), Some(7000)),
    ];
    let older = Some("/admin/operations?before=1".to_owned());
    for operation in &all {
        let name = match operation.cancel_requested {
            true => "operation-cancelling".to_owned(),
            false => format!("operation-{:?}", operation.state).to_lowercase(),
        };
        add(pages, &name, &operation_page(operation.clone()))?;
    }
    let admin = |pool: PoolCounts, operations, notes: &[&str]| AdminPage {
        pool,
        operations,
        happenings: vec![Happening {
            at: before(90),
            text: format!("{SCRIPT} was claimed"),
            actor: "participant".to_owned(),
        }],
        line: places().into_iter().filter(|_| pool.in_line > 0).collect(),
        reentries: usize::from(pool.in_line > 0),
        usage: UsageChart { samples: if pool.free > 0 { usage() } else { Vec::new() } },
        timeline: Timeline { rows: if pool.free > 0 { starts(8) } else { Vec::new() } },
        connections: DatabaseConnections {
            used: 2,
            most: 20,
            server_open: 41,
            server_most: if notes.is_empty() { 97 } else { 45 },
        },
        notes: notes.iter().map(|note| (*note).to_owned()).collect(),
        now: now(),
    };
    let counts = PoolCounts {
        free: 12,
        claimed: 8,
        in_use: 5,
        starting: 3,
        unhealthy: 1,
        overdue: 2,
        stale: 1,
        suspect: 1,
        barred: 1,
        ending: 1,
        in_line: 2,
        ..PoolCounts::default()
    };
    add(pages, "admin", &admin(counts, all[2..6].to_vec(), &[]))?;
    let warned =
        "LABLINK_AGENT_AUTH is open: any program that reaches this server can act as a VM.";
    add(pages, "admin-empty", &admin(PoolCounts::default(), Vec::new(), &[warned]))?;
    let stuck = all.iter().find(|it| it.state == Failed).cloned();
    let vms = vec!["lablink-vm-prod-1".to_owned(), "lablink-vm-prod-4".to_owned()];
    if let Some(operation) = stuck {
        let fault = Fault::Older;
        let conflict = Some(ConflictCard { fault, vms: vms.clone(), solved: false });
        let page = OperationPage { conflict, ..operation_page(operation) };
        add(pages, "operation-conflict", &page)?;
    }
    for (name, way) in [("bring-back", WayOut::BringBack), ("give-up", WayOut::GiveUp)] {
        let holder = |n: usize| Holder {
            email: format!("{SCRIPT}{n}@example.org"),
            activity: Activity::InUse,
        };
        let vms = vms.iter().enumerate().map(|(n, hostname)| ConflictVm {
            hostname: hostname.clone(),
            holder: (n == 0).then(|| holder(n)),
            in_cloud: n == 1,
        });
        let (vms, error) = (vms.collect(), None);
        let page = ConflictPage { operation: 3, way, fault: Fault::Older, vms, error };
        add(pages, &format!("conflict-{name}"), &page)?;
    }
    if let Some(operation) = all.iter().find(|it| it.state == Queued).cloned() {
        let mut page = operation_page(operation.clone());
        page.starts = Some(Starts::Again(before(-30)));
        page.decided = Some(("boss".to_owned(), before(400)));
        page.parent = Some(operation);
        page.reason =
            Some("Attempt 1 of 3 failed: the state is locked by another program.".to_owned());
        add(pages, "operation-again", &page)?;
        page.parent = None;
        page.is_partly_refused = true;
        page.reason = Some(
            "3 VMs could not be made yet. AWS has no machine of this type left in this zone at the \
             moment."
                .to_owned(),
        );
        add(pages, "operation-rest", &page)?;
    }
    add(pages, "tasks", &tasks())?;
    add(pages, "doctor", &doctor())?;
    add(pages, "doctor-guide", &GuidePage::of(Code::Tls))?;
    add(pages, "operations", &list(all, older))?;
    add(pages, "operations-empty", &list(Vec::new(), None))
}

fn doctor() -> DoctorPage {
    let of = |code, finding| Checked { code, finding };
    let checks = vec![
        of(Code::Name, Seen::well("lablink.example.org is 203.0.113.7.")),
        of(Code::Port, Seen::well("203.0.113.7:443 takes connections.")),
        of(
            Code::Tls,
            Seen::warning(
                "The certificate is trusted, and ends on 2026-12-02.",
                "Look why it is not renewed: Caddy and ACM do so a month before.",
            ),
        ),
        of(
            Code::DatabaseRights,
            Seen::broken(
                "The database's role lacks rights: claim: update; schema public: create.",
                "Make it the owner of the tables: reassign owned by OTHER to it, as a superuser.",
            ),
        ),
        of(Code::Forwarder, Seen::skipped("It rests on 'database'.")),
        of(Code::Disk, Seen::well("18204 MiB are free in /var/lib/lablink.")),
    ];
    DoctorPage { checks, first: Some(Code::DatabaseRights) }
}

fn tasks() -> TasksPage {
    let task = |name, does, every: &str, outcome: Option<Result<u64, String>>| TaskRow {
        name,
        does,
        every: every.to_owned(),
        running_since: (name == "history").then(|| before(700)),
        runs: 1204,
        failures: u64::from(matches!(outcome, Some(Err(_)))) * 3,
        last: outcome.map(|outcome| TaskRun { at: before(4), outcome }),
    };
    let away = Err("the database has said nothing for 30 s".to_owned());
    TasksPage {
        rows: vec![
            task("waiting line", "Gives free VMs to the people in line.", "5 s", Some(Ok(2))),
            task("silent VMs", "Points out VMs that do not report.", "5 s", Some(away)),
            task("history", "Drops events that are old or too many.", "1 h", Some(Ok(0))),
            task("archives", "Removes old archives of results.", "10 min", None),
        ],
        now: now(),
    }
}

fn list(operations: Vec<OperationSummary>, next: Option<String>) -> OperationsPage {
    OperationsPage {
        operations,
        next,
        now: now(),
        kinds: vec![("launch", "Launch"), ("destroy", "Destroy"), ("reboot", "Reboot")],
        kind: String::new(),
        state: String::new(),
    }
}

fn operation_page(operation: OperationSummary) -> OperationPage {
    let state = operation.state;
    let reason = match state {
        OperationState::Failed => Some(
            "AWS has no g4dn.xlarge left in us-west-2a. Try again later, or choose another zone.",
        ),
        OperationState::Interrupted => {
            Some("The allocator was stopped in the middle. What was made before that is kept.")
        }
        OperationState::Running if operation.cancel_requested => {
            Some("Terraform finishes what it is doing, then stops.")
        }
        _ => None,
    };
    let vm = |number: i64, state, detail: Option<&str>| OperationVm {
        hostname: format!("lablink-vm-prod-{number}"),
        state,
        detail: detail.map(str::to_owned),
        seconds: (number < 4).then_some(30 + number),
    };
    let line = |second: i64, level, text: &str| LogLine {
        at: before(100 - second),
        level,
        text: text.to_owned(),
    };
    let mut log = vec![
        line(0, LogLevel::Info, "Terraform has been initialised."),
        line(4, LogLevel::Info, "Plan: 24 to add, 0 to change, 0 to destroy."),
    ];
    log.extend((1..40).map(|n| {
        line(
            4 + n,
            LogLevel::Info,
            &format!("aws_instance.client[\"lablink-vm-prod-{n}\"]: still creating… {n} s"),
        )
    }));
    log.push(line(
        60,
        LogLevel::Warn,
        "aws_instance.client: spot requests are slow to be met at the moment.",
    ));
    log.push(line(61, LogLevel::Error, &format!("creating EC2 instance: InsufficientInstanceCapacity: we do not have enough g4dn.xlarge capacity in this zone. {SCRIPT}")));
    for more in ["with aws_instance.client[\"lablink-vm-prod-9\"],", "on instances.tf line 12."] {
        log.push(line(62, LogLevel::Error, &format!("  {more}")));
    }
    log.push(line(63, LogLevel::Info, "aws_security_group.client: created."));
    let queued = matches!(state, OperationState::AwaitingApproval | OperationState::Queued);
    OperationPage {
        operation,
        first: None,
        parent: None,
        is_partly_refused: false,
        starts: None,
        deadline: None,
        decided: None,
        left_out: Vec::new(),
        results: None,
        reason: reason.map(str::to_owned),
        conflict: None,
        vms: if queued {
            Vec::new()
        } else {
            vec![
                vm(1, StepState::Done, None),
                vm(2, StepState::Working, Some("Creating the instance")),
                vm(3, StepState::Failed, Some("Not enough capacity in us-west-2a")),
                vm(4, StepState::Waiting, None),
            ]
        },
        log: if queued { Vec::new() } else { log },
        older_log: (state == OperationState::Failed)
            .then(|| "/admin/operations/2?log_before=41".to_owned()),
        left: match state {
            OperationState::Failed => vec!["lablink-vm-prod-3".to_owned()],
            _ => Vec::new(),
        },
        usual_seconds: Some(95),
        now: now(),
    }
}
