//! Renders every page in every state into a folder, to look at and to test in browsers:
//! `cargo run -p lablink-web --example gallery -- FOLDER`, then serve FOLDER.

use std::{env, fs, io::Write, path::Path};

use askama::Template;
use jiff::{SignedDuration, Timestamp};
use lablink_web::pages::*;

const SCRIPT: &str = "<script>alert('not escaped')</script>";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = env::args().nth(1).ok_or("say which folder to write to")?;
    let folder = Path::new(&folder);
    fs::create_dir_all(folder.join("assets"))?;
    for asset in [&assets::STYLESHEET, &assets::SCRIPT, &assets::FAVICON] {
        fs::write(folder.join("assets").join(asset.name), asset.bytes)?;
    }
    let mut pages = Vec::new();
    participants(&mut pages)?;
    pool(&mut pages)?;
    operations(&mut pages)?;
    let mut index = String::from("<!doctype html><title>Gallery</title><ul>");
    for (name, html) in &pages {
        fs::write(folder.join(format!("{name}.html")), html)?;
        index += &format!("<li><a href=\"{name}.html\">{name}</a> {} bytes", html.len());
    }
    fs::write(folder.join("index.html"), index)?;
    writeln!(std::io::stdout(), "{} pages", pages.len())?;
    Ok(())
}

type Pages = Vec<(String, String)>;

fn add(pages: &mut Pages, name: &str, page: &impl Template) -> askama::Result<()> {
    pages.push((name.to_owned(), page.render()?));
    Ok(())
}

/// The moment at which the gallery plays.
fn now() -> Timestamp {
    Timestamp::constant(1_786_200_000, 0)
}

fn before(seconds: i64) -> Timestamp {
    now() - SignedDuration::from_secs(seconds)
}

fn participants(pages: &mut Pages) -> askama::Result<()> {
    let request = |free, typed: bool, problem| {
        let (email, crd_command) = match typed {
            false => (String::new(), String::new()),
            true => ("ada@example.org".to_owned(), "start-host --code 4/0AbC".to_owned()),
        };
        RequestPage { free, email, crd_command, problem }
    };
    add(pages, "request", &request(12, false, None))?;
    add(pages, "request-none", &request(0, false, None))?;
    let message = "This is not a Chrome Remote Desktop command: it has no --code=… part. Copy the \
                   whole command for Debian Linux from remotedesktop.google.com/headless.";
    let field = RequestField::CrdCommand;
    let invalid = RequestProblem::Invalid { field, message: message.to_owned() };
    add(pages, "request-invalid", &request(12, true, Some(invalid)))?;
    let message = format!("'{SCRIPT}' is not an e-mail address.");
    let invalid = RequestProblem::Invalid { field: RequestField::Email, message };
    let page = RequestPage { email: SCRIPT.to_owned(), ..request(1, true, Some(invalid)) };
    add(pages, "request-script", &page)?;
    add(pages, "request-full", &request(0, true, Some(RequestProblem::NoneFree)))?;
    add(pages, "request-claimed", &request(7, true, Some(RequestProblem::AlreadyClaimed)))?;
    add(pages, "request-many", &request(7, true, Some(RequestProblem::TooMany)))?;

    let claim = |state| ClaimPage {
        link: "/claims/Jx7Qd0nXb2".to_owned(),
        hostname: "lablink-vm-prod-12".to_owned(),
        claimed_at: before(40),
        state,
    };
    let held = |connection, error: Option<&str>| {
        let crd_command = error.map(|_| "start-host --name=$(hostname)".to_owned());
        let command = CommandForm {
            crd_command: crd_command.unwrap_or_default(),
            error: error.map(str::to_owned),
        };
        claim(ClaimState::Held { pin: "204817".to_owned(), connection, command })
    };
    let reason = format!("The code was used before, or is older than five minutes. {SCRIPT}");
    add(pages, "claim-claimed", &held(Connection::Claimed, None))?;
    add(pages, "claim-connecting", &held(Connection::Connecting, None))?;
    add(pages, "claim-ready", &held(Connection::Ready, None))?;
    add(pages, "claim-failed", &held(Connection::Failed { reason }, None))?;
    let refused = "This is not a Chrome Remote Desktop command: it has no --code=… part.";
    add(pages, "claim-refused", &held(Connection::Ready, Some(refused)))?;
    add(pages, "claim-returned", &claim(ClaimState::Ended(ClaimEnd::Returned)))?;
    add(pages, "claim-released", &claim(ClaimState::Ended(ClaimEnd::Released)))?;
    add(pages, "claim-destroyed", &claim(ClaimState::Ended(ClaimEnd::Destroyed)))?;

    let error = ErrorPage {
        status: 404,
        title: "There is nothing here".to_owned(),
        message: "The link may be cut off: copy all of it, or ask your organiser for a new one."
            .to_owned(),
        request_id: "0f3c9a52-7d1e-4b6a".to_owned(),
    };
    add(pages, "error", &error)
}

fn pool(pages: &mut Pages) -> askama::Result<()> {
    let instances = |instances: Vec<InstanceRow>, next: Option<&str>| InstancesPage {
        total: instances.len() as i64,
        instances,
        next: next.map(str::to_owned),
        now: now(),
    };
    let claim = |email: &str, connection, activity| {
        let (email, pin) = (email.to_owned(), "204817".to_owned());
        Some(InstanceClaim { email, pin, connection, activity, since: before(1500) })
    };
    let row = |number: i32, state, claim, gpu| InstanceRow {
        number: Some(number),
        hostname: format!("lablink-vm-prod-{number}"),
        state,
        claim,
        gpu,
        last_seen: Some(before(i64::from(number) * 4)),
        created_at: before(7200),
    };
    let code_used = "The code was used before.".to_owned();
    let off_bus = "The GPU has fallen off the bus (XID 79). Replace this VM.".to_owned();
    let by_hand = InstanceRow {
        number: None,
        hostname: "ml-desk-07.neuro.example.edu".to_owned(),
        last_seen: None,
        ..row(0, VmState::Starting, None, Gpu::Unreported)
    };
    let attention = VmState::Attention { reason: off_bus };
    let rows = vec![
        row(
            1,
            VmState::Claimed,
            claim("ada@example.org", Connection::Ready, Activity::InUse),
            Gpu::Healthy,
        ),
        row(
            2,
            VmState::Claimed,
            claim(SCRIPT, Connection::Connecting, Activity::Idle),
            Gpu::Healthy,
        ),
        row(
            3,
            VmState::Claimed,
            claim(
                "a.very.long.name@students.university.example",
                Connection::Failed { reason: code_used },
                Activity::Idle,
            ),
            Gpu::Degraded,
        ),
        row(4, VmState::Free, None, Gpu::Healthy),
        row(5, VmState::Free, None, Gpu::Absent),
        row(6, attention, None, Gpu::Unhealthy),
        row(7, VmState::Starting, None, Gpu::Unreported),
        row(8, VmState::Removing, None, Gpu::Healthy),
        by_hand,
    ];
    add(pages, "instances", &instances(rows, Some("/admin/instances?after=8")))?;
    add(pages, "instances-empty", &instances(Vec::new(), None))?;
    let hundred = (1..=100).map(|number| {
        row(
            number,
            VmState::Claimed,
            claim("grace.hopper@students.example", Connection::Ready, Activity::InUse),
            Gpu::Healthy,
        )
    });
    add(pages, "instances-100", &instances(hundred.collect(), Some("/admin/instances?after=100")))?;

    let launch = |num_vms: &str, existing, error: Option<&str>| LaunchPage {
        num_vms: num_vms.to_owned(),
        max: 100,
        existing,
        machine: "g4dn.xlarge on AWS in us-west-2".to_owned(),
        error: error.map(str::to_owned),
    };
    add(pages, "launch", &launch("1", 0, None))?;
    add(pages, "launch-error", &launch("1000", 8, Some("Ask for at most 100 VMs at a time.")))?;

    let vm = |number, ticked, holder: Option<(&str, Activity)>| DestroyRow {
        hostname: format!("lablink-vm-prod-{number}"),
        ticked,
        holder: holder.map(|(email, activity)| Holder { email: email.to_owned(), activity }),
    };
    let vms = |ticked| {
        vec![
            vm(1, true, Some(("ada@example.org", Activity::InUse))),
            vm(2, ticked, Some((SCRIPT, Activity::Idle))),
            vm(3, true, None),
            vm(4, ticked, None),
        ]
    };
    add(pages, "destroy", &DestroyPage { vms: vms(true), error: None })?;
    let error = Some("Tick the box below the list to confirm.".to_owned());
    add(pages, "destroy-error", &DestroyPage { vms: vms(false), error })?;
    add(pages, "destroy-empty", &DestroyPage { vms: Vec::new(), error: None })
}

fn operations(pages: &mut Pages) -> askama::Result<()> {
    use OperationState::*;
    let summary =
        |id, kind, state, done, started: Option<i64>, finished: Option<i64>| OperationSummary {
            id,
            kind,
            state,
            actor: "admin:mara".to_owned(),
            created_at: before(9000 - id * 100),
            started_at: started.map(before),
            finished_at: finished.map(before),
            done,
            total: if started.is_some() { 24 } else { 0 },
        };
    let launch = OperationKind::Launch { vms: 8 };
    let destroy = OperationKind::Destroy { vms: 1 };
    let all = vec![
        summary(7, launch, Queued, 0, None, None),
        summary(6, launch, Running, 9, Some(75), None),
        summary(5, destroy, Cancelling, 3, Some(200), None),
        summary(4, launch, Succeeded, 24, Some(4000), Some(3790)),
        summary(3, launch, Failed, 11, Some(5000), Some(4100)),
        summary(2, destroy, Cancelled, 4, Some(6000), Some(5900)),
        summary(1, launch, Interrupted, 14, Some(8000), Some(7000)),
    ];
    let older = Some("/admin/operations?before=1".to_owned());
    for operation in &all {
        let name = format!("operation-{:?}", operation.state).to_lowercase();
        add(pages, &name, &operation_page(operation.clone()))?;
    }
    let admin = |pool, operations, notes: &[&str]| AdminPage {
        pool,
        operations,
        notes: notes.iter().map(|note| (*note).to_owned()).collect(),
        now: now(),
    };
    let counts = PoolCounts { free: 12, claimed: 8, in_use: 5, starting: 3, attention: 1 };
    add(pages, "admin", &admin(counts, all[1..5].to_vec(), &[]))?;
    let warned =
        "LABLINK_AGENT_AUTH is open: any program that reaches this server can act as a VM.";
    add(pages, "admin-empty", &admin(PoolCounts::default(), Vec::new(), &[warned]))?;
    add(pages, "operations", &OperationsPage { operations: all, next: older, now: now() })?;
    add(
        pages,
        "operations-empty",
        &OperationsPage { operations: Vec::new(), next: None, now: now() },
    )
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
        OperationState::Cancelling => Some("Terraform finishes what it is doing, then stops."),
        _ => None,
    };
    let vm = |number, state, detail: Option<&str>| OperationVm {
        hostname: format!("lablink-vm-prod-{number}"),
        state,
        detail: detail.map(str::to_owned),
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
    log.push(line(63, LogLevel::Info, "aws_security_group.client: created."));
    let queued = state == OperationState::Queued;
    OperationPage {
        operation,
        reason: reason.map(str::to_owned),
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
        log_is_cut: state == OperationState::Failed,
        now: now(),
    }
}
