//! Where Terraform's state and the machines disagree.

use std::{collections::BTreeSet, io};

use lablink_core::{DbError, Scope, vms};
use lablink_protocol::Hostname;

use super::{Provider, state::State, stray::Stray};

/// What the state says wrongly of how machines were made.
#[derive(Debug, Default)]
pub(super) struct Wrong {
    /// Counted as broken, and whole.
    pub sound: Vec<Hostname>,
    /// Counted as whole, and never finished.
    pub unmade: Vec<Hostname>,
}

impl Provider {
    /// Machines that bear this environment's names, and `strays` that the state does not know.
    pub(super) fn machines(
        &self,
        environment: &str,
        strays: &[Stray],
    ) -> io::Result<Vec<Hostname>> {
        match self {
            Self::Local(local) => local.machines(environment),
            Self::Aws(_) => Ok(strays.iter().map(|it| it.hostname.clone()).collect()),
        }
    }

    /// Where the state and the machines disagree, the machines are right:
    ///
    /// - A local VM is tainted, but its agent has reported that it runs: all that matters was done.
    ///   The next apply would make it anew, and take it from a participant who has claimed it since.
    /// - A local VM counts as whole, but its machine was never finished: Terraform writes a resource
    ///   down before the commands that make its machine have run, so after a power cut in between
    ///   there is nothing to run, and Terraform does not know it.
    /// - An instance is made by one call. If it is tainted, only the wait for it was cut off, and
    ///   it may run, so it stays unless it is among those in `doubt`.
    pub(super) async fn wrong(
        &self,
        scope: &Scope,
        state: &State,
        doubt: &BTreeSet<Hostname>,
    ) -> Result<Wrong, DbError> {
        let (whole, broken): (Vec<Hostname>, Vec<Hostname>) =
            state.hostnames().cloned().partition(|it| state.is_whole(it));
        Ok(match self {
            Self::Local(local) => Wrong {
                sound: vms::running_among(scope, &broken).await?,
                unmade: whole.into_iter().filter(|it| !local.is_made(it)).collect(),
            },
            Self::Aws(_) => Wrong {
                sound: broken.into_iter().filter(|it| !doubt.contains(it)).collect(),
                unmade: Vec::new(),
            },
        })
    }
}
