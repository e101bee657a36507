use lablink_web::gallery::*;

use crate::{Pages, SCRIPT, add, before, now};

pub fn add_all(pages: &mut Pages) -> askama::Result<()> {
    let bar = |path, show: &str, has_next: bool| ListBar {
        path,
        show: show.to_owned(),
        next: has_next.then(|| format!("{path}?show={show}&after=0.60")),
        ..ListBar::default()
    };
    let instances = |instances: Vec<InstanceRow>, count| InstancesPage {
        list: bar("/admin/instances", "", count > instances.len() as i64),
        count: Some(count),
        instances,
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
        used: None,
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
    let attention = |trouble, since, reason: &str| {
        VmState::Attention(Attention { trouble, since, reason: reason.to_owned() })
    };
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
        row(6, attention(Trouble::Unhealthy, None, &off_bus), None, Gpu::Unhealthy),
        row(
            9,
            attention(
                Trouble::Overdue,
                Some(before(1500)),
                "Its machine was started, but its agent has not reported that it runs.",
            ),
            None,
            Gpu::Unreported,
        ),
        row(
            10,
            attention(Trouble::Suspect, Some(before(400)), "Its agent does not answer any more."),
            claim("grace@example.org", Connection::Ready, Activity::InUse),
            Gpu::Healthy,
        ),
        row(7, VmState::Starting, None, Gpu::Unreported),
        row(8, VmState::Removing, None, Gpu::Healthy),
        by_hand,
    ];
    add(pages, "instances", &instances(rows, 1837))?;
    add(pages, "instances-empty", &instances(Vec::new(), 0))?;
    let many = (1..=50).map(|number| {
        row(
            number,
            VmState::Claimed,
            claim("grace.hopper@students.example", Connection::Ready, Activity::InUse),
            Gpu::Healthy,
        )
    });
    add(pages, "instances-50", &instances(many.collect(), 50))?;

    let list = ListBar { q: SCRIPT.to_owned(), ..bar("/admin/instances", "", false) };
    let nothing = InstancesPage { list, count: None, ..instances(Vec::new(), 0) };
    add(pages, "instances-none-fit", &nothing)?;

    let launch = |num_vms: &str, existing, error: Option<&str>| LaunchPage {
        num_vms: num_vms.to_owned(),
        max: 100,
        existing,
        machine: Some("g4dn.xlarge on AWS in us-west-2".to_owned()),
        preflight: None,
        error: error.map(str::to_owned),
    };
    add(pages, "launch", &launch("1", 0, None))?;
    add(pages, "launch-by-hand", &LaunchPage { machine: None, ..launch("1", 0, None) })?;
    add(pages, "launch-error", &launch("1000", 8, Some("Ask for at most 100 VMs at a time.")))?;

    let preflight = |report| Some(PreflightPart { hours: "3".to_owned(), report: Some(report) });
    let (fits, too_many) = (preflight(report(false)), preflight(report(true)));
    add(pages, "launch-aws", &LaunchPage { preflight: fits, ..launch("8", 0, None) })?;
    let why = "40 × g4dn.xlarge wanted, quota 32 vCPU: 8 fit.";
    add(
        pages,
        "launch-refused",
        &LaunchPage { preflight: too_many, ..launch("40", 0, Some(why)) },
    )?;

    let aws = |standing, typed, error: Option<&str>| AwsPage {
        standing,
        typed,
        done: None,
        error: error.map(str::to_owned),
        access_key_id: "AKIAEXAMPLE".to_owned(),
        expires_at: String::new(),
    };
    let account = "123456789012".to_owned();
    let arn = "arn:aws:iam::123456789012:user/lab".to_owned();
    add(
        pages,
        "aws",
        &aws(AwsStanding::Valid { account, arn, expires_at: Some(before(-3600)) }, true, None),
    )?;
    let reason = "The security token included in the request is expired.".to_owned();
    let invalid = AwsStanding::Invalid { reason };
    let refused = "The request signature we calculated does not match the one you provided.";
    add(pages, "aws-refused", &aws(invalid, false, Some(refused)))?;
    add(
        pages,
        "aws-not-built-in",
        &aws(AwsStanding::NotBuiltIn { machines: MachinesWithoutAws::Local }, false, None),
    )?;

    let vm = |number, ticked, holder: Option<(&str, Activity)>| DestroyRow {
        hostname: format!("lablink-vm-prod-{number}"),
        tick: Some(ticked),
        holder: holder.map(|(email, activity)| Holder { email: email.to_owned(), activity }),
        last: (number % 2 == 0).then(|| before(720)),
    };
    let vms = |ticked| {
        vec![
            vm(1, true, Some(("ada@example.org", Activity::InUse))),
            vm(2, ticked, Some((SCRIPT, Activity::Idle))),
            vm(3, true, None),
            vm(4, ticked, None),
        ]
    };
    let destroy = |vms: Vec<DestroyRow>, error| DestroyPage {
        count: ListCount::Exactly(4),
        list: bar("/admin/instances/delete", "", false),
        all_shown: false,
        total: vms.len() as i64,
        claimed: 2,
        in_use: 1,
        vms,
        collect: true,
        accept: false,
        extension: "slp".to_owned(),
        error,
        now: now(),
    };
    let mut rows = vms(false);
    rows.push(DestroyRow {
        hostname: "ml-desk-07.neuro.example.edu".to_owned(),
        tick: None,
        ..vm(5, false, None)
    });
    let many = DestroyPage {
        total: 10_000,
        claimed: 7_321,
        count: ListCount::Exactly(342),
        list: bar("/admin/instances/delete", "stale", true),
        ..destroy(rows, None)
    };
    add(pages, "destroy-many", &many)?;
    add(pages, "destroy", &destroy(vms(true), None))?;
    let error = Some("Tick the box below the list to confirm.".to_owned());
    add(pages, "destroy-error", &destroy(vms(false), error))?;
    add(pages, "destroy-empty", &destroy(Vec::new(), None))
}

/// What AWS says of a launch that fits, or of one that does not.
fn report(too_many: bool) -> Report {
    let finding =
        |question, verdict, text: &str| Finding { question, verdict, text: text.to_owned() };
    let (quota, price) = match too_many {
        false => (
            finding(
                Question::Quota,
                Verdict::Good,
                "8 × g4dn.xlarge wanted, quota 32 vCPU: 8 fit.",
            ),
            finding(
                Question::Price,
                Verdict::Good,
                "0.526 USD per VM and hour; all 8: 4.21 USD per hour. For 3 h: 12.62 USD. Disks and \
                 traffic cost extra.",
            ),
        ),
        true => (
            finding(
                Question::Quota,
                Verdict::Stops,
                "40 × g4dn.xlarge wanted, quota 32 vCPU: 8 fit.",
            ),
            finding(
                Question::Price,
                Verdict::Unknown,
                "The price is not known: the right pricing:GetProducts is missing.",
            ),
        ),
    };
    let request = "Region: us-west-2\nService: Amazon Elastic Compute Cloud (Amazon EC2)\nQuota: Running \
                   On-Demand G and VT instances (L-DB2E81BA)\nCurrent value: 32\nRequested value: 160";
    Report {
        findings: vec![
            finding(
                Question::Offer,
                Verdict::Good,
                "g4dn.xlarge is offered in us-west-2a, us-west-2b, us-west-2c.",
            ),
            finding(Question::Gpu, Verdict::Good, "g4dn.xlarge has 1 × NVIDIA T4."),
            finding(
                Question::Image,
                Verdict::Good,
                "The image ami-0601752c11b394251 is there, for x86_64, with a root disk of 80 GB.",
            ),
            quota,
            finding(
                Question::Rights,
                Verdict::Good,
                "AWS allows what was tried: RunInstances, CreateSecurityGroup, ImportKeyPair.",
            ),
            price,
        ],
        gpu_support: Some(true),
        fits: Some(8),
        quota_request: too_many.then(|| request.to_owned()),
    }
}
