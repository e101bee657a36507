//! The page of one operation, filled from its rows.

use askama::Template;
use jiff::Timestamp;
use lablink_core::{
    Scope,
    collections::{self, Collect, Collected},
    operations::{
        self, BringBack, Destroy, GiveUp, Launch, LogLevel, LogLine, Operation, OperationState,
        Replace, Stage, Step, Target,
    },
    placement,
    pools::StaleAfter,
    state as known,
    vms::{self, Vm},
};
use lablink_protocol::{Hostname, VmStatus};

use super::{conflict_page, page, summary::OperationSummary};
use crate::{
    AppState,
    http::Problem,
    links, pages,
    states::{archive::ArchiveCard, attention::attention, trouble::Trouble},
};

pub const LOG_LINES_SHOWN: i64 = 500;

pub async fn filled(
    state: &AppState,
    scope: &Scope,
    operation: Operation,
    log_before: Option<i64>,
) -> Result<String, Problem> {
    let (db, id) = (&state.db, operation.id);
    let steps = operations::steps(db, id).await?;
    let before = log_before.unwrap_or(i64::MAX);
    let log = operations::log_before(db, id, before, LOG_LINES_SHOWN).await?;
    let is_full = i64::try_from(log.len()).is_ok_and(|lines| lines == LOG_LINES_SHOWN);
    let left = match operation.state.is_over() {
        true => operations::undone(scope, &state.kinds, id).await?,
        false => Vec::new(),
    };
    let collects = operation.is::<Collect>();
    let collection = match operation.after.or(collects.then_some(id)) {
        Some(collection) => collections::find(scope, collection).await?,
        None => None,
    };
    let left_out = collection.iter().flat_map(|it| &it.vms).filter_map(left_out).collect();
    let conflict = known::conflict_of(scope, id).await?;
    let other = async |id| match id {
        Some(id) => operations::find(scope, id).await,
        None => Ok(None),
    };
    let (first, parent) = (other(operation.after).await?, other(operation.parent).await?);
    let targets = operations::targets(db, id).await?;
    let stepped = steps.iter().map(|step| step.hostname.clone());
    let names: Vec<Hostname> = stepped.chain(operation.hostnames.iter().cloned()).collect();
    let vms = vms::named(scope, &names).await?;
    let page = page::OperationPage {
        operation: OperationSummary::of(&operation),
        first: first.as_ref().map(OperationSummary::of),
        parent: parent.as_ref().map(OperationSummary::of),
        starts: starts(&operation),
        is_partly_refused: placement::is_refused(db, id).await?,
        deadline: operation.deadline.filter(|_| operation.state == OperationState::Running),
        decided: operation.decided.as_ref().map(|(by, at)| (pages::who(by), *at)),
        left_out,
        results: collection.filter(|_| collects).map(|collection| page::OperationResults {
            archive: ArchiveCard::of(&collection, &*state.collector),
            extension: collection.extension.to_string(),
        }),
        reason: operation.reason.clone(),
        conflict: conflict.map(|conflict| conflict_page::ConflictCard {
            fault: conflict.fault,
            vms: conflict.hostnames.iter().map(Hostname::to_string).collect(),
            solved: conflict.solved,
        }),
        usual_seconds: operations::usual_seconds(scope, &operation).await?,
        vms: touched(&operation, &targets, &vms, &steps, state.pool.rules().machines.stale_after),
        left: left.iter().map(Hostname::to_string).collect(),
        older_log: log
            .first()
            .filter(|_| is_full)
            .map(|line| links::operation_log_before(id, line.id)),
        log: log.into_iter().map(log_line).collect(),
        now: Timestamp::now(),
    };
    Ok(page.render()?)
}

fn starts(operation: &Operation) -> Option<page::Starts> {
    let waits =
        matches!(operation.state, OperationState::AwaitingApproval | OperationState::Queued);
    let at = operation.not_before.filter(|_| waits)?;
    Some(if operation.attempts > 0 { page::Starts::Again(at) } else { page::Starts::At(at) })
}

fn left_out(vm: &Collected) -> Option<page::LeftOut> {
    let what = vm.skipped_what.clone()?;
    Some(page::LeftOut { hostname: vm.hostname.to_string(), count: vm.skipped, what })
}

/// The VMs that it touches, failed ones first; before it has found out, those that it names.
fn touched(
    operation: &Operation,
    targets: &[Target],
    vms: &[Vm],
    steps: &[Step],
    stale_after: StaleAfter,
) -> Vec<page::OperationVm> {
    // Another machine may have the name by now.
    let row = |hostname: &Hostname| match targets.iter().find(|it| it.hostname == *hostname) {
        Some(target) => vms.iter().find(|vm| vm.id == target.vm_id),
        None => vms.iter().find(|vm| vm.hostname == *hostname),
    };
    let stepped = steps.iter().map(|step| {
        let (state, detail) = shown(step, row(&step.hostname), operation, stale_after);
        let seconds = step.started_at.map(|start| {
            step.finished_at.unwrap_or_else(Timestamp::now).as_second() - start.as_second()
        });
        page::OperationVm { hostname: step.hostname.to_string(), state, detail, seconds }
    });
    let named = operation.hostnames.iter();
    let unstepped =
        named.filter(|name| !steps.iter().any(|step| step.hostname == **name)).map(|name| {
            let (state, detail) = guessed(operation, row(name));
            page::OperationVm { hostname: name.to_string(), state, detail, seconds: None }
        });
    stepped.chain(unstepped).collect()
}

/// By what the worker has reported of a VM and, once it is made, its agent.
fn shown(
    step: &Step,
    vm: Option<&Vm>,
    operation: &Operation,
    stale_after: StaleAfter,
) -> (page::StepState, Option<String>) {
    use page::StepState::{Done, Failed, Unfinished, Waiting, Working};
    let text = |text: &str| Some(text.to_owned());
    let collects = operation.is::<Collect>();
    match step.stage {
        Stage::Waiting => (Waiting, step.detail.clone()),
        Stage::Creating => (Working, text("Being made.")),
        Stage::Destroying => (Working, text("Being destroyed.")),
        Stage::Collecting => (Working, step.detail.clone()),
        Stage::Failed => (Failed, step.detail.clone()),
        Stage::Unfinished if collects => (Unfinished, step.detail.clone()),
        Stage::Unfinished => {
            let told = || vm.and_then(|vm| vm.status_reason.clone());
            (Unfinished, step.detail.clone().or_else(told))
        }
        Stage::Done if collects => (Done, step.detail.clone()),
        Stage::Done => match vm {
            None => (Done, text("Gone.")),
            Some(vm) => made(vm, stale_after),
        },
    }
}

/// What became of a VM after it was made, and what to do where it needs somebody.
fn made(vm: &Vm, stale_after: StaleAfter) -> (page::StepState, Option<String>) {
    use page::StepState::{Done, Unfinished};
    let detail = match (attention(vm, Timestamp::now(), stale_after), vm.status) {
        (Some(it), _) => {
            let state = if it.trouble == Trouble::Overdue { Unfinished } else { Done };
            return (state, Some(format!("{} {}", it.reason, it.trouble.advice(vm.source))));
        }
        (None, VmStatus::Initializing) => "Made; its agent is starting.",
        (None, _) => "Its agent has reported in.",
    };
    (Done, Some(detail.to_owned()))
}

/// By their rows, for VMs of which the worker has reported nothing.
fn guessed(operation: &Operation, vm: Option<&Vm>) -> (page::StepState, Option<String>) {
    use page::StepState::{Done, Failed, Unfinished, Waiting};
    let reason = vm.and_then(|vm| vm.status_reason.clone());
    let wanted_gone = operation.is::<Destroy>() || operation.is::<GiveUp>();
    let wanted_there =
        operation.is::<Launch>() || operation.is::<Replace>() || operation.is::<BringBack>();
    match (operation.state, vm) {
        (
            OperationState::AwaitingApproval | OperationState::Queued | OperationState::Running,
            _,
        ) => (Waiting, None),
        (OperationState::Succeeded, _) if !wanted_gone && !wanted_there => (Done, None),
        _ if !wanted_gone && !wanted_there => (Unfinished, None),
        // The operation before it has failed, so it never began.
        (_, Some(_)) if operation.after.is_some() => {
            (Unfinished, Some("Nothing was done to it.".to_owned()))
        }
        (_, None) if wanted_gone => (Done, None),
        (_, None) => (Done, Some("Removed since.".to_owned())),
        (_, Some(vm)) if wanted_gone || vm.status == VmStatus::Error => (Failed, reason),
        (_, Some(_)) => (Done, Some("There already.".to_owned())),
    }
}

fn log_line(line: LogLine) -> page::LogLine {
    page::LogLine {
        at: line.at,
        level: match line.level {
            LogLevel::Info => pages::LogLevel::Info,
            LogLevel::Warn => pages::LogLevel::Warn,
            LogLevel::Error => pages::LogLevel::Error,
        },
        text: line.line,
    }
}
