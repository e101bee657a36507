use std::{ffi::OsString, time::Duration};

use lablink_core::{pools::Source, worker::Limit};
use lablink_protocol::Hostname;

use super::{AwsVms, LocalVms};

/// Where a provisioner's machines are. All that differs between them is said here.
#[derive(Clone, Debug)]
pub enum Provider {
    /// Processes on this machine, of the module `local`.
    Local(LocalVms),
    /// EC2 instances, of the module `aws`.
    Aws(AwsVms),
}

/// How long Terraform may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// To stop once it was asked to.
    pub stop: Duration,
    /// The same when the allocator itself is stopping: service managers wait less.
    pub hurried_stop: Duration,
    /// The same when an earlier allocator has left it running.
    pub orphan: Duration,
    /// How long after its last call a machine may show itself.
    pub echo: Duration,
}

/// How a run of Terraform's is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// It plans and applies at once.
    Apply,
    /// It plans, and applies only a plan that touches no VM that nobody named.
    PlanFirst,
}

impl Provider {
    pub fn source(&self) -> Source {
        match self {
            Self::Local(_) => Source::Local,
            Self::Aws(_) => Source::Aws,
        }
    }

    /// What Terraform's environment tells the module, besides the runtime variables.
    pub(super) fn variables(&self) -> Vec<(&'static str, OsString)> {
        match self {
            Self::Local(local) => local.variables().map(|(name, path)| (name, path.into())).into(),
            Self::Aws(aws) => aws.variables(),
        }
    }

    /// Whether its machines may be in this zone.
    pub(super) fn admits(&self, zone: &str) -> bool {
        match self {
            Self::Local(_) => true,
            Self::Aws(aws) => aws.instances.admit(zone),
        }
    }

    pub(super) fn course(&self) -> Course {
        match self {
            Self::Local(_) => Course::Apply,
            Self::Aws(_) => Course::PlanFirst,
        }
    }

    pub(super) fn patience(&self) -> Patience {
        match self {
            // An operation whose allocator was killed must have its end within 30 s, and the lease
            // has taken 20 of them.
            Self::Local(_) => Patience {
                stop: Duration::from_secs(30),
                hurried_stop: Duration::from_secs(8),
                orphan: Duration::from_secs(3),
                echo: Duration::ZERO,
            },
            // A call that is cut off may have made a machine that no state knows.
            Self::Aws(_) => Patience {
                stop: Duration::from_mins(4),
                hurried_stop: Duration::from_mins(2),
                orphan: Duration::from_mins(4),
                echo: Duration::from_secs(10),
            },
        }
    }

    /// Ends what is left of machines that were not made whole.
    pub(super) async fn end(&self, unmade: impl IntoIterator<Item = &Hostname>, limit: &Limit) {
        match self {
            Self::Local(local) => local.end(unmade, limit).await,
            // The state knows them: they end with the next change that names them.
            Self::Aws(_) => {}
        }
    }
}
