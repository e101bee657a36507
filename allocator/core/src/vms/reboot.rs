use std::{future::Future, pin::Pin};

use lablink_protocol::Hostname;

use super::Vm;
use crate::{
    DbError, Scope, Token, agents,
    events::{Change, Kind},
    pools::Source,
    scope::Sent,
};

/// Where VMs come from, for what is done to one of them without Terraform.
pub trait Provider: Send + Sync {
    /// Starts the VM again, with its files and its claim as they are; with an enrolment token, as a
    /// new machine that enrols with that.
    fn reboot<'a>(
        &'a self,
        hostname: &'a Hostname,
        enrolment: Option<&'a Token>,
    ) -> Pin<Box<dyn Future<Output = std::io::Result<()>> + Send + 'a>>;
}

#[derive(Debug, thiserror::Error)]
pub enum RebootError {
    #[error("{0} can't be rebooted from here. {1}")]
    NotPossible(Hostname, &'static str),
    #[error("{0} could not be rebooted: {1}")]
    Failed(Hostname, #[source] std::io::Error),
    #[error(transparent)]
    Db(#[from] DbError),
}

crate::db::takes_statement_errors!(RebootError);

/// Reboots a VM; `local` is who can for local ones. One that never enrolled gets another chance.
pub async fn reboot(
    scope: &Scope,
    local: Option<&dyn Provider>,
    vm: &Vm,
) -> Result<(), RebootError> {
    let not = |why| Err(RebootError::NotPossible(vm.hostname.clone(), why));
    let provider = match (vm.source, local) {
        _ if vm.removing => return not("It is about to be removed."),
        (Source::Local, Some(local)) => local,
        (Source::Local, None) => return not("This allocator has no local VMs."),
        (Source::Aws, _) => return not("Reboot it in the AWS console."),
        (Source::Manual | Source::Unknown, _) => return not("Reboot it where it stands."),
    };
    let hostname = &vm.hostname;
    let mut client = scope.client().await?;
    let mut change = Change::begin(scope, &mut client).await?;
    // Nothing but the wish's key is held while the VM starts.
    if let Sent::Again(()) = scope.sent(&*change).await? {
        return Ok(());
    }
    let enrolment = agents::issue_to_newcomer(scope, vm.id, hostname).await?;
    if let Err(error) = provider.reboot(hostname, enrolment.as_ref()).await {
        super::start_failed(scope, hostname, &error.to_string()).await?;
        return Err(RebootError::Failed(hostname.clone(), error));
    }
    change.event(Kind::VmRebooted).of_vm(vm.id);
    scope.keep(&*change, &()).await?;
    change.commit().await?;
    Ok(())
}
