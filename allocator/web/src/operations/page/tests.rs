use super::*;
use crate::pages::Labelled;

fn page(state: OperationState, reason: Option<&str>) -> String {
    sample(state, reason).render().unwrap()
}

fn sample(state: OperationState, reason: Option<&str>) -> OperationPage {
    let hostname = "lablink-vm-dev-1<script>".to_owned();
    let text = "Error: <script>no capacity</script>".to_owned();
    OperationPage {
        operation: OperationSummary::sample(state),
        first: None,
        parent: None,
        starts: None,
        is_partly_refused: false,
        deadline: None,
        decided: None,
        left_out: Vec::new(),
        results: None,
        reason: reason.map(str::to_owned),
        conflict: None,
        vms: vec![OperationVm {
            hostname: hostname.clone(),
            state: StepState::Failed,
            detail: None,
            seconds: Some(61),
        }],
        left: vec![hostname],
        usual_seconds: Some(125),
        log: vec![LogLine { at: Timestamp::UNIX_EPOCH, level: LogLevel::Error, text }],
        older_log: Some("/admin/operations/7?log_before=9".to_owned()),
        now: Timestamp::UNIX_EPOCH,
    }
}

fn collection(state: OperationState) -> OperationSummary {
    OperationSummary {
        kind: Collect::WORD.to_owned(),
        title: "Collect the results of 5 VMs".to_owned(),
        ..OperationSummary::sample(state)
    }
}

#[test]
fn a_collection_counts_files_and_is_downloaded_here() {
    let mut page = sample(OperationState::Failed, None);
    page.operation = collection(OperationState::Failed);
    let archive = ArchiveCard::Here { bytes: 2_500_000, first_downloaded: None };
    page.results = Some(OperationResults { extension: "slp".to_owned(), archive });
    let html = page.render().unwrap();
    for key in ["2 of 5 files", "*.slp", "Download 2.5 MB", "Collect again from 1 VM"] {
        assert!(html.contains(key), "{key}");
    }
    assert!(html.contains(r#"href="/api/collections/7/download""#));
    assert!(!html.contains("Remove what failed"));
}

#[test]
fn a_destroy_whose_collection_failed_loses_nothing_silently() {
    let mut page = sample(OperationState::Failed, Some("Nothing was destroyed."));
    page.operation.kind = Destroy::WORD.to_owned();
    let plain = page.render().unwrap();
    assert!(plain.contains("Retry 1 VM") && !plain.contains("without their results"));
    page.first = Some(collection(OperationState::Failed));
    let html = page.render().unwrap();
    assert!(html.contains(r#"<button class="danger">Destroy without their results</button>"#));
    assert!(html.contains("Collect again, then destroy") && !html.contains("Retry 1 VM"));
    assert!(html.contains(r#"name="collect" value="yes""#));
    assert!(html.contains("Collect the results of 5 VMs"));
}

#[test]
fn a_conflict_names_its_vms_and_offers_the_ways_out_until_it_is_solved() {
    let mut page = sample(OperationState::Failed, Some("Nothing was changed."));
    page.conflict = Some(ConflictCard::sample());
    let html = page.render().unwrap();
    for key in ["is empty", "lablink-vm-dev-1&#60;script&#62;", "Bring them back", "Give them up"] {
        assert!(html.contains(key), "{key}");
    }
    assert!(html.contains(r#"href="/admin/operations/7/bring-back""#));
    assert!(html.contains(r#"href="/admin/operations/7/give-up""#));
    assert!(!html.contains("Retry 1 VM"), "it would only meet the same");
    page.conflict = Some(ConflictCard { solved: true, ..ConflictCard::sample() });
    let html = page.render().unwrap();
    assert!(html.contains("Retry 1 VM") && !html.contains("/give-up"));
}

#[test]
fn a_running_operation_shows_progress_and_can_be_cancelled() {
    let html = page(OperationState::Running, None);
    assert!(html.contains("Launch 5 VMs") && html.contains("2 of 5"));
    assert!(html.contains(r#"<progress id="progress" value="2" max="5""#));
    assert!(html.contains(r#"action="/api/operations/7/cancel""#));
    assert!(html.contains(r#"data-live="/admin/operations/7""#));
    assert!(html.contains(r#"http-equiv="refresh""#));
}

#[test]
fn a_finished_operation_stands_still() {
    for state in [OperationState::Succeeded, OperationState::Failed, OperationState::Cancelled] {
        let html = page(state, None);
        assert!(!html.contains("data-live") && !html.contains("/cancel\""), "{state:?}");
        assert!(!html.contains(r#"http-equiv="refresh""#), "{state:?}");
        assert!(html.contains(state.label()));
    }
}

#[test]
fn any_kind_is_shown_by_its_title_and_state_alone() {
    let mut page = sample(OperationState::AwaitingApproval, None);
    page.operation.kind = "run_recipe".to_owned();
    page.operation.title = "Run <recipe>".to_owned();
    page.operation.total = 0;
    let html = page.render().unwrap();
    assert!(html.contains("Run &#60;recipe&#62;") && html.contains("Awaits approval"));
    assert!(html.contains("Waits for somebody to approve it"));
    for decision in ["approve", "reject"] {
        assert!(html.contains(&format!("action=\"/api/operations/7/{decision}\"")));
    }
    assert!(!html.contains("/cancel\"") && html.contains("data-live"));
    page.operation.state = OperationState::Queued;
    page.starts = Some(Starts::Again(Timestamp::UNIX_EPOCH));
    page.decided = Some(("boss".to_owned(), Timestamp::UNIX_EPOCH));
    let html = page.render().unwrap();
    assert!(html.contains("Waits to be tried again") && html.contains("Tried again"));
    assert!(html.contains("Approved by") && !html.contains("/approve\""));
}

#[test]
fn a_stop_can_be_asked_for_once() {
    let mut page = sample(OperationState::Running, None);
    page.operation.cancel_requested = true;
    let html = page.render().unwrap();
    assert!(html.contains("Cancelling"));
    assert!(!html.contains("/cancel\"") && html.contains("data-live"));
}

#[test]
fn the_reason_comes_before_the_log() {
    let html = page(OperationState::Failed, Some("AWS has no g4dn.xlarge left."));
    let at = |key: &str| html.find(key).unwrap();
    assert!(at("AWS has no g4dn.xlarge left.") < at("no capacity"));
}

#[test]
fn log_lines_and_hostnames_are_escaped_and_errors_marked() {
    let html = page(OperationState::Failed, None);
    assert!(html.contains("Error: &#60;script&#62;no capacity&#60;/script&#62;"));
    assert!(html.contains("lablink-vm-dev-1&#60;script&#62;"));
    assert!(html.contains(r#"<li class="error">"#));
    assert!(html.contains("/admin/operations/7?log_before=9"));
}

#[test]
fn a_rest_without_room_waits_and_can_be_called_off() {
    let mut page = sample(OperationState::Queued, Some("3 VMs could not be made yet."));
    page.starts = Some(Starts::Again(Timestamp::UNIX_EPOCH));
    page.is_partly_refused = true;
    let html = page.render().unwrap();
    for words in ["Call off the rest", "can be claimed now", "Waits to be tried again", "3 VMs"] {
        assert!(html.contains(words), "{words}");
    }
    page.operation = OperationSummary::sample(OperationState::Running);
    let html = page.render().unwrap();
    assert!(html.contains(">Cancel<") && !html.contains("Call off"));
}
