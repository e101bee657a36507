use lablink_core::{
    DbError,
    operations::{Destroy, Kind, Launch, Makes, Operation, Replace},
};
use lablink_protocol::Hostname;

/// What Terraform is to bring about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Launch(Vec<Hostname>),
    Destroy(Vec<Hostname>),
    Replace(Vec<Hostname>),
}

/// A kind of operation that Terraform carries out.
pub(super) trait Changes: Kind {
    fn change(&self) -> Change;
}

impl Changes for Launch {
    fn change(&self) -> Change {
        Change::Launch(self.hostnames.clone())
    }
}

impl Changes for Destroy {
    fn change(&self) -> Change {
        Change::Destroy(self.hostnames.clone())
    }
}

impl Changes for Replace {
    fn change(&self) -> Change {
        Change::Replace(self.hostnames.clone())
    }
}

impl Change {
    /// What an operation wanted of Terraform, if it did.
    pub fn wanted_by(operation: &Operation) -> Result<Option<Self>, DbError> {
        let launch = operation.job::<Launch>()?.map(|it| it.change());
        let destroy = operation.job::<Destroy>()?.map(|it| it.change());
        let replace = operation.job::<Replace>()?.map(|it| it.change());
        Ok(launch.or(destroy).or(replace))
    }

    pub fn hostnames(&self) -> &[Hostname] {
        match self {
            Self::Launch(hostnames) | Self::Destroy(hostnames) | Self::Replace(hostnames) => {
                hostnames
            }
        }
    }

    pub fn makes(&self) -> Makes {
        match self {
            Self::Launch(_) | Self::Replace(_) => Makes::Machines,
            Self::Destroy(_) => Makes::Nothing,
        }
    }
}
