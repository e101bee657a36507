//! Ends a desktop whose participant an organiser has locked out, so that nobody gets back in: the
//! remote desktop program and its session, whatever else runs for them, and the machine's
//! registration. Files stay, since they may be the right participant's.

use lablink_protocol::{ClaimOutcome, ClaimResult, Fault};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{attempt, handled::Handled};
use crate::{desktop::HostFiles, vm::Vm};

/// Ends it and reports that; `stop` ends the reporting. The claim's next command comes after that.
pub async fn run(vm: &Vm, claim_id: i64, command_no: i32, stop: &CancellationToken) {
    let (outcome, detail, fault) = match end(vm).await {
        Ok(()) => {
            info!("the desktop has ended");
            (ClaimOutcome::LockedOut, None, None)
        }
        Err(reason) => {
            warn!("the desktop could not be ended: {reason}");
            let reason = format!("The desktop could not be ended: {reason}.");
            (ClaimOutcome::Failed, Some(reason), Some(Fault::Machine))
        }
    };
    let hostname = vm.api.hostname().clone();
    let command = Some(command_no);
    let result = ClaimResult { hostname, claim_id, command_no: command, outcome, detail, fault };
    let handled = Handled { claim_id, command_no, unreported: Some(result) };
    handled.save(&vm.state);
    attempt::report(vm, handled, stop).await;
}

/// The caller has ended the program of the earlier command.
async fn end(vm: &Vm) -> Result<(), String> {
    let desktop = &vm.remote_desktop;
    vm.tab_desktop.stop().await;
    desktop.end_session().await;
    let (cleaner, programs) = (vm.cleaner.clone(), desktop.programs());
    let ended = tokio::task::spawn_blocking(move || {
        cleaner.end_programs().map_err(|failure| failure.to_string())?;
        programs.end().map_err(|failure| failure.to_string())
    });
    ended.await.unwrap_or_else(|panic| {
        error!("ending the desktop broke off: {panic}");
        Err("its agent failed in the middle: look at its log".to_owned())
    })?;
    // With it, a reboot would bring the session back, and its PIN.
    let removed = HostFiles::remove(&desktop.home, desktop.account.as_ref()).await;
    removed.map_err(|problem| format!("its registration can't be removed: {problem}"))
}
