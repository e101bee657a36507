use lablink_protocol::{ClaimOutcome, ClaimResult, CrdCode, Fault};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{fault, handled::Handled};
use crate::{
    allocator::retry,
    desktop::{Program, TabFailure},
    vm::Vm,
};

/// What a participant wants this VM to connect to.
pub struct Command {
    pub claim_id: i64,
    pub command_no: i32,
    pub command: String,
    pub pin: String,
}

/// Connects a participant, reports how that went, and keeps the remote desktop program until
/// `stop`. An attempt that is stopped before it is known how it went leaves no trace.
pub async fn run(vm: &Vm, command: Command, stop: &CancellationToken) {
    let (program, result) = match connect(vm, &command, stop).await {
        None => return,
        Some(Ok(program)) => {
            info!("the desktop is ready");
            (program, (ClaimOutcome::Connected, None, None))
        }
        Some(Err((fault, reason))) => {
            warn!("the desktop is not ready: {reason}");
            (None, (ClaimOutcome::Failed, Some(reason), Some(fault)))
        }
    };
    let Command { claim_id, command_no, .. } = command;
    let (outcome, detail, fault) = result;
    let hostname = vm.api.hostname().clone();
    let result =
        ClaimResult { hostname, claim_id, command_no: Some(command_no), outcome, detail, fault };
    let handled = Handled { claim_id, command_no, unreported: Some(result) };
    handled.save(&vm.state);
    report(vm, handled, stop).await;
    if let Some(program) = program {
        program.keep_until(stop).await;
    }
}

/// `None` when stopped first; the program has ended then. A desktop in a tab has none of its own. A
/// failure comes with whose fault it is.
async fn connect(
    vm: &Vm,
    command: &Command,
    stop: &CancellationToken,
) -> Option<Result<Option<Program>, (Fault, String)>> {
    let code = match CrdCode::from_command(&command.command) {
        Ok(code) if code.is_for_tab() => {
            let started = stop.run_until_cancelled(vm.tab_desktop.start()).await?;
            let blamed = |failure: TabFailure| (Fault::Machine, failure.to_string());
            return Some(started.map(|()| None).map_err(blamed));
        }
        Ok(code) => code,
        Err(damaged) => return Some(Err((Fault::Command, damaged.to_string()))),
    };
    let started = tokio::select! {
        started = vm.remote_desktop.start(&code, &command.pin) => started,
        () = stop.cancelled() => return None,
    };
    let mut program = match started {
        Ok(program) => program,
        Err(failure) => return Some(Err(fault::verdict(&failure, &[]))),
    };
    let connected = tokio::select! {
        connected = program.connected() => connected,
        () = stop.cancelled() => {
            program.end().await;
            return None;
        }
    };
    Some(match connected {
        Ok(()) => Ok(Some(program)),
        Err(failure) => {
            let said = program.end().await;
            let secrets = [code.as_str(), command.pin.as_str()];
            Err(fault::verdict(&failure, &said.lines(&secrets)))
        }
    })
}

/// Tells how an attempt went, if that was not told yet, unless `stop` comes first.
pub async fn report(vm: &Vm, mut handled: Handled, stop: &CancellationToken) {
    let Some(result) = handled.unreported.take() else { return };
    let told = retry::until_answered("reporting how the claim went", || {
        vm.api.report_claim_result(&result)
    });
    tokio::select! {
        told = told => {
            if let Err(refusal) = told {
                warn!("the allocator does not want to know how the claim went: {}", refusal.chain());
            }
            handled.save(&vm.state);
        }
        () = stop.cancelled() => {}
    }
}
