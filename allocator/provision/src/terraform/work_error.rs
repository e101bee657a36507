use lablink_core::{
    DbError,
    aws::CloudError,
    chain,
    preflight::GpuUnknown,
    secrets::{LoginError, VaultError},
    worker::{Ended, Trouble},
};

use super::{
    StepError, WorkspaceError,
    recover::RecoverError,
    state::{Doubt, StateError},
};

/// Why an operation could not even be tried.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkError {
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Doubted(#[from] Doubt),
    #[error(transparent)]
    Recover(#[from] RecoverError),
    #[error(transparent)]
    Step(#[from] StepError),
    #[error("cannot run Terraform")]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Cloud(#[from] CloudError),
    #[error(transparent)]
    Keys(LoginError),
    #[error(transparent)]
    Gpu(GpuUnknown),
    #[error(transparent)]
    Db(#[from] DbError),
}

impl WorkError {
    /// Whether somebody else holds the state's lock: it may pass.
    fn is_lock(&self) -> bool {
        match self {
            Self::Step(error)
            | Self::State(StateError::Refused(error))
            | Self::Recover(
                RecoverError::Step(error) | RecoverError::Unsaved { said: error, .. },
            ) => error.is_lock(),
            _ => false,
        }
    }

    /// The end of an attempt that failed for a reason that may pass. Else the error.
    pub fn passing(self) -> Result<Ended, Self> {
        if self.is_lock() { Ok(Ended::Passing { reason: chain(&self) }) } else { Err(self) }
    }
}

impl From<WorkError> for Trouble {
    fn from(error: WorkError) -> Self {
        match error {
            WorkError::Db(error) => Self::Db(error),
            other => Self::Other(chain(&other)),
        }
    }
}

impl From<LoginError> for WorkError {
    fn from(error: LoginError) -> Self {
        match error {
            LoginError::Vault(VaultError::Db(error)) => Self::Db(error),
            other => Self::Keys(other),
        }
    }
}

impl From<GpuUnknown> for WorkError {
    fn from(error: GpuUnknown) -> Self {
        match error {
            GpuUnknown::Db(error) => Self::Db(error),
            other => Self::Gpu(other),
        }
    }
}
