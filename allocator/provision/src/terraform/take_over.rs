//! Local VMs whose agents run with other settings than today's: they call another allocator on this
//! machine, or an address that this one had before.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use lablink_core::{
    DbError, Scope,
    vms::{self, Vm, VmId},
    worker::Limit,
};

use super::LocalVms;

const AGAIN: Duration = Duration::from_secs(2);

impl LocalVms {
    /// Stops those of these agents that no allocator hears for so long, and names them. One whose
    /// VM a participant has is left alone, for its desktop would end: its page says what to do.
    pub(super) async fn stop_unheard(&self, scope: &Scope, names: Vec<String>) -> Vec<String> {
        if names.is_empty() {
            return names;
        }
        let before: BTreeMap<_, _> =
            rows(scope).await.into_iter().map(|vm| (vm.id, vm.last_seen)).collect();
        tokio::time::sleep(scope.pool.rules().machines.stale_after.0).await;
        let mut stopped = Vec::new();
        for vm in rows(scope).await {
            let name = vm.hostname.as_str();
            if !names.iter().any(|it| it == name) || is_heard(&before, &vm) {
                continue;
            }
            if vm.claim.is_some() {
                let failed = vms::start_failed(scope, &vm.hostname, CALLS_ELSEWHERE).await;
                if let Err(error) = failed {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, vm.hostname = name, "{CALLS_ELSEWHERE}");
                }
            } else if self.stop(name, Limit::default()).await.is_ok() {
                stopped.push(name.to_owned());
            }
        }
        stopped
    }
}

const CALLS_ELSEWHERE: &str = "Its agent was started with an address of the allocator, or other \
    settings, that no longer hold, and nothing is heard of it. A reboot ends its desktop and starts \
    it with today’s";

fn is_heard(before: &BTreeMap<VmId, Option<Timestamp>>, vm: &Vm) -> bool {
    before.get(&vm.id).is_none_or(|seen| *seen != vm.last_seen)
}

/// The pool's VMs, as soon as the database gives them.
async fn rows(scope: &Scope) -> Vec<Vm> {
    loop {
        let listed: Result<_, DbError> = vms::list(scope).await;
        match listed {
            Ok(vms) => return vms,
            Err(_away) => tokio::time::sleep(AGAIN).await,
        }
    }
}
