use super::Permission::{self, *};
use crate::text_enum::text_enum;

text_enum! {
    /// A named set of permissions.
    #[derive(Hash)]
    pub enum Role {
        /// Sees how the machines are, without names of people.
        Viewer = "viewer",
        /// Helps participants: lets them in again, gives them another machine.
        Helper = "helper",
        /// Runs classes.
        Organiser = "organiser",
        /// Reads everything that is recorded, and changes nothing.
        Auditor = "auditor",
        /// May do everything.
        Owner = "owner",
    }
}

const VIEWER: &[Permission] = &[PoolView, VmView, OperationView, LineView];

const HELPER: &[Permission] = &[
    LogView,
    ClaimView,
    ClaimLink,
    ClaimLockOut,
    ClaimFreshMachine,
    ClaimRelease,
    LineRemove,
    VmReboot,
    VmReplace,
    VmRecover,
    HostKeyForget,
    EventView,
];

const ORGANISER: &[Permission] = &[
    VmLaunch,
    VmDestroy,
    MachineRegister,
    MachineForget,
    ClaimExport,
    ResultsView,
    ResultsCollect,
    ResultsDownload,
    ResultsDiscard,
    OperationCancel,
    OperationRetry,
    OperationSolve,
    OperationApprove,
];

const AUDITOR: &[Permission] =
    &[LogView, ClaimView, ClaimExport, ResultsView, EventView, CloudKeysView, InstallationView];

impl Role {
    pub fn allows(self, permission: Permission) -> bool {
        let sets: &[&[Permission]] = match self {
            Self::Viewer => &[VIEWER],
            Self::Helper => &[VIEWER, HELPER],
            Self::Organiser => &[VIEWER, HELPER, ORGANISER],
            Self::Auditor => &[VIEWER, AUDITOR],
            Self::Owner => return true,
        };
        sets.iter().any(|set| set.contains(&permission))
    }
}
