//! Cleaning as the agent's work: with a note that outlives it, and a report.

use std::time::Duration;

use lablink_protocol::{CleanOutcome, CleanResult};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, info, warn};

use crate::{
    allocator::retry,
    clean::{CleanNote, Kept},
    vm::Vm,
};

/// How often the agent looks for what need not be kept any more.
const TIDY_EVERY: Duration = Duration::from_secs(3600);

/// Cleans the machine after a claim, unless that was done before, and reports how it went. Once
/// begun, it is not stopped: the next claim waits for its end. `stop` ends the reporting.
pub async fn run(vm: &Vm, claim_id: i64, stop: &CancellationToken) {
    let before = CleanNote::load(&vm.state).ok().flatten();
    let is_clean = |note: &CleanNote| {
        let result = note.result.as_ref().filter(|_| note.claim_id == claim_id);
        result.is_some_and(|result| result.outcome == CleanOutcome::Cleaned)
    };
    let note = match before.filter(is_clean) {
        Some(note) => note,
        None => {
            info!(claim.id = claim_id, "cleaning the machine");
            let (outcome, detail) = match clean(vm, claim_id).await {
                Ok(()) => (CleanOutcome::Cleaned, None),
                Err(reason) => (CleanOutcome::Failed, Some(reason)),
            };
            let hostname = vm.api.hostname().clone();
            let result = Some(CleanResult { hostname, claim_id, outcome, detail });
            CleanNote { claim_id, result, reported: false }
        }
    };
    save(vm, &note);
    report(vm, note, stop).await;
}

async fn clean(vm: &Vm, claim_id: i64) -> Result<(), String> {
    // Otherwise a restart would take a half-cleaned account for a clean one.
    let begun = CleanNote { claim_id, result: None, reported: false };
    begun.save(&vm.state).map_err(|problem| format!("{problem:#}"))?;
    let cleaner = vm.cleaner.clone();
    let cleaned = tokio::task::spawn_blocking(move || cleaner.clean(claim_id)).await;
    match cleaned {
        Ok(Ok(())) => {
            info!(claim.id = claim_id, "the machine is clean");
            Ok(())
        }
        Ok(Err(failure)) => {
            warn!(claim.id = claim_id, "the machine could not be cleaned: {failure}");
            Err(failure.to_string())
        }
        Err(panic) => {
            error!("the cleaning broke off: {panic}");
            Err("its agent failed in the middle: look at its log".to_owned())
        }
    }
}

/// Tells how a cleaning went, until the allocator has heard, or `stop`.
pub async fn report(vm: &Vm, mut note: CleanNote, stop: &CancellationToken) {
    let Some(result) = &note.result else { return };
    let told = retry::until_answered("reporting how the cleaning went", || {
        vm.api.report_clean_result(result)
    });
    tokio::select! {
        told = told => {
            if let Err(refusal) = told {
                debug!("the allocator has no use for how the cleaning went: {}", refusal.chain());
            }
            note.reported = true;
            save(vm, &note);
        }
        () = stop.cancelled() => {}
    }
}

/// A full disk must not keep the machine from its next participant: it is logged.
fn save(vm: &Vm, note: &CleanNote) {
    if let Err(problem) = note.save(&vm.state) {
        error!("a restart may clean the machine again: {problem:#}");
    }
}

/// Deletes what earlier participants left, once it is old enough and collected; for ever.
pub async fn tidy(vm: &Vm) {
    loop {
        let cleaner = vm.cleaner.clone();
        let due = tokio::task::spawn_blocking(move || cleaner.due()).await.unwrap_or_default();
        if let Some(newest) = due.iter().map(|kept| kept.claim_id).max() {
            match vm.api.collected(newest).await {
                Ok(Some(collected)) => {
                    let delete = move || {
                        due.into_iter().filter(|it| it.may_go(&collected)).for_each(Kept::delete);
                    };
                    if let Err(panic) = tokio::task::spawn_blocking(delete).await {
                        error!("deleting what was collected broke off: {panic}");
                    }
                }
                Ok(None) => debug!("what earlier participants left was not collected yet"),
                Err(problem) => debug!("can't ask what was collected: {}", problem.chain()),
            }
        }
        tokio::time::sleep(TIDY_EVERY).await;
    }
}
