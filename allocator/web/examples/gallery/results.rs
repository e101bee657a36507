use lablink_web::gallery::*;

use crate::{Pages, SCRIPT, add, before, now};

pub fn add_all(pages: &mut Pages) -> askama::Result<()> {
    use OperationState::{Failed, Interrupted, Running, Succeeded};
    let here = ArchiveCard::Here { bytes: 1_834_000_000, first_downloaded: None };
    let fetched = ArchiveCard::Here { bytes: 23_400_000, first_downloaded: Some(before(3000)) };
    let elsewhere = ArchiveCard::Elsewhere { bytes: 8_000_000, kept_by: "alloc-2".to_owned() };
    let collections = vec![
        card(12, Running, ArchiveCard::Nothing),
        card(11, Failed, here.clone()),
        card(10, Succeeded, fetched),
        card(9, Succeeded, elsewhere),
        card(8, Succeeded, ArchiveCard::Removed { at: before(90_000) }),
        card(7, Interrupted, ArchiveCard::Nothing),
    ];
    add(pages, "results", &page(vms(9), collections, None))?;
    let error = Some("extension: An extension is 1 to 32 letters.".to_owned());
    let mut refused = page(vms(3), Vec::new(), error);
    refused.vms[1].ticked = true;
    add(pages, "results-error", &refused)?;
    let mut chosen = page(vms(9), Vec::new(), None);
    chosen.count = ListCount::MoreThan(100);
    chosen.list.q = "student".to_owned();
    chosen.list.next = Some("/admin/results?q=student&after=0.s".to_owned());
    add(pages, "results-chosen", &chosen)?;
    add(pages, "results-empty", &page(Vec::new(), Vec::new(), None))?;
    add(pages, "operation-collect", &operation(Running, ArchiveCard::Nothing))?;
    add(pages, "operation-collect-failed", &operation(Failed, here))?;
    let mut destroy = operation(Failed, ArchiveCard::Nothing);
    destroy.operation.kind = "destroy".to_owned();
    destroy.operation.title = "Destroy 3 VMs".to_owned();
    destroy.operation.total = 0;
    destroy.results = None;
    destroy.first = Some(summary(11, Failed));
    destroy.reason = Some(
        "Nothing was destroyed: the results were to be collected first, and operation 11 did not \
         bring all of them home. Look at what it says, and collect again or destroy without."
            .to_owned(),
    );
    destroy.vms = Vec::new();
    destroy.log = Vec::new();
    add(pages, "operation-destroy-held", &destroy)
}

fn page(
    vms: Vec<ResultsVm>,
    collections: Vec<CollectionCard>,
    error: Option<String>,
) -> ResultsPage {
    ResultsPage {
        extension: "slp".to_owned(),
        total: vms.len() as i64,
        count: ListCount::Exactly(vms.len() as i64),
        list: ListBar { path: "/admin/results", ..ListBar::default() },
        vms,
        next: (!collections.is_empty()).then(|| "/admin/results?before=7".to_owned()),
        collections,
        error,
        now: now(),
    }
}

fn vms(count: i64) -> Vec<ResultsVm> {
    let vm = |number| ResultsVm {
        hostname: format!("lablink-vm-prod-{number}"),
        ticked: false,
        holder: (number % 3 > 0).then(|| format!("student.{number}@students.example.org")),
        last: (number > 3).then(|| before(720 * number)),
    };
    (1..=count).map(vm).collect()
}

fn summary(id: i64, state: OperationState) -> OperationSummary {
    let over = !matches!(state, OperationState::Running);
    OperationSummary {
        id,
        kind: "collect".to_owned(),
        title: "Collect the results of 3 VMs".to_owned(),
        state,
        cancel_requested: false,
        actor: "mara".to_owned(),
        created_at: before(9000 - id * 100),
        started_at: Some(before(600)),
        finished_at: over.then(|| before(480)),
        done: 340,
        total: 512,
    }
}

fn card(id: i64, state: OperationState, archive: ArchiveCard) -> CollectionCard {
    let outcome = |number: i64, failure: Option<&str>, unread| VmOutcome {
        hostname: format!("lablink-vm-prod-{number}"),
        files: if number == 4 { 0 } else { 170 * number },
        bytes: if number == 4 { 0 } else { 611_000_000 * number },
        unread,
        skipped: (number == 3).then(|| format!("results (a link to the folder /disk) {SCRIPT}")),
        seconds: 12.4,
        failure: failure.map(str::to_owned),
    };
    let silent = format!("It did not answer within 10 s. {SCRIPT}");
    let failed = state == OperationState::Failed;
    let vms = match &archive {
        ArchiveCard::Nothing => Vec::new(),
        _ => vec![
            outcome(1, failed.then_some(silent.as_str()), 0),
            outcome(2, None, i64::from(failed) * 3),
            outcome(3, None, 0),
            outcome(4, None, 0),
        ],
    };
    CollectionCard {
        operation: summary(id, state),
        reason: failed.then(|| "1 of 4 VMs did not give all it had.".to_owned()),
        extension: "slp".to_owned(),
        archive,
        failed: usize::from(failed),
        skipped: 2,
        files: vms.iter().map(|vm| vm.files).sum(),
        bytes: vms.iter().map(|vm| vm.bytes).sum(),
        more: if failed { 14 } else { 0 },
        vms,
    }
}

fn operation(state: OperationState, archive: ArchiveCard) -> OperationPage {
    let vm = |number: i64, state, detail: &str| OperationVm {
        hostname: format!("lablink-vm-prod-{number}"),
        state,
        detail: Some(detail.to_owned()).filter(|text| !text.is_empty()),
        seconds: (number < 3).then_some(12),
    };
    let failed = state == OperationState::Failed;
    let (second, third) = match failed {
        true => (StepState::Failed, StepState::Done),
        false => (StepState::Working, StepState::Waiting),
    };
    let silent = "It did not answer within 10 s: is it running?";
    OperationPage {
        operation: summary(11, state),
        first: None,
        parent: None,
        is_partly_refused: false,
        starts: None,
        deadline: None,
        decided: None,
        results: Some(OperationResults { extension: "slp".to_owned(), archive }),
        left_out: vec![LeftOut {
            hostname: "lablink-vm-prod-3".to_owned(),
            count: 2,
            what: format!("results (a link to the folder /disk) {SCRIPT}"),
        }],
        conflict: None,
        reason: failed.then(|| {
            "1 of 3 VMs did not give all it had. The others' results are kept.".to_owned()
        }),
        vms: vec![
            vm(1, StepState::Done, "170 files, 611 MB"),
            vm(
                2,
                second,
                if failed { silent } else { "120 of 340 files, 431 MB of 1.2 GB, 36 MB/s" },
            ),
            vm(3, third, ""),
        ],
        log: vec![LogLine {
            at: before(590),
            level: LogLevel::Info,
            text: "lablink-vm-prod-1: 170 files, 611 MB".to_owned(),
        }],
        older_log: None,
        left: if failed { vec!["lablink-vm-prod-2".to_owned()] } else { Vec::new() },
        usual_seconds: Some(95),
        now: now(),
    }
}
