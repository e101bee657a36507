//! What AWS says of a launch before it is made: whether it can be made at all, how many machines fit,
//! and what they cost. Nothing here talks to AWS: [`CloudQuestions`] does.

mod answers;
mod family;
mod judge;
mod plan;
mod quota;
mod report;
#[cfg(test)]
mod tests;

pub use answers::{Answer, Answers, Image, MachineType, NoAnswer, Price, Quota, Right, Tried};
pub use family::{Family, QuotaName};
pub use plan::{Market, Plan, Wanted};
pub use report::{Finding, Question, Report, Verdict};

use std::{future::Future, pin::Pin, sync::Arc};

use crate::{
    DbError, Scope,
    aws::AwsKeys,
    operations,
    secrets::{AwsLogin, VaultError},
};

/// Asks AWS what there is to know before a launch, with these keys, or else with what the process finds
/// by itself. It takes less than five seconds, whatever AWS does.
pub trait CloudQuestions: Send + Sync {
    fn ask<'a>(
        &'a self,
        keys: Option<&'a AwsKeys>,
        plan: &'a Plan,
    ) -> Pin<Box<dyn Future<Output = Answers> + Send + 'a>>;

    /// The one question that an operation can't do without: these machine types, of which those are left
    /// out that the region does not have.
    fn machines<'a>(
        &'a self,
        keys: Option<&'a AwsKeys>,
        names: &'a [&'a str],
    ) -> Pin<Box<dyn Future<Output = Answer<Vec<MachineType>>> + Send + 'a>>;
}

/// What machines can be made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machines {
    /// Whether they have a GPU that agents and containers know.
    pub gpu_support: bool,
    /// The type that is wanted, then those that may stand in for it.
    pub types: Vec<String>,
}

/// Looks before a launch.
pub struct Preflight {
    pub plan: Plan,
    pub cloud: Box<dyn CloudQuestions>,
    /// Whose account it is.
    pub aws: Arc<AwsLogin>,
}

/// Nobody can say whether VMs would have a GPU, so none is made.
#[derive(Debug, thiserror::Error)]
pub enum GpuUnknown {
    #[error("AWS has no machine type {0} in this region")]
    NoSuchType(String),
    #[error("AWS did not tell whether {machine_type} has a GPU, so nothing was launched: {why}")]
    NoAnswer { machine_type: String, why: NoAnswer },
    #[error(transparent)]
    Db(#[from] DbError),
}

impl Preflight {
    /// What a launch would meet now.
    pub async fn report(&self, scope: &Scope, wanted: &Wanted) -> Result<Report, DbError> {
        let coming = operations::still_to_come(scope).await?;
        let mut answers = match self.keys(scope).await? {
            Ok(keys) => self.cloud.ask(keys.as_ref(), &self.plan).await,
            Err(why) => Answers::none(&why),
        };
        answers.expect(coming);
        Ok(judge::judge(&self.plan, wanted, &answers))
    }

    /// What the machines of an operation can be made of.
    pub async fn machines(&self, scope: &Scope) -> Result<Machines, GpuUnknown> {
        let machine_type = self.plan.machine_type.clone();
        let names: Vec<&str> = self.plan.types().collect();
        let answer = match self.keys(scope).await? {
            Ok(keys) => self.cloud.machines(keys.as_ref(), &names).await,
            Err(why) => Err(why),
        };
        let found = match answer {
            Ok(found) => found,
            Err(why) => return Err(GpuUnknown::NoAnswer { machine_type, why }),
        };
        let known = |name: &str| found.iter().find(|it| it.name == name);
        let Some(wanted) = known(&machine_type) else {
            return Err(GpuUnknown::NoSuchType(machine_type));
        };
        let fits = |name: &&&str| {
            **name == machine_type || known(name).is_some_and(|it| it.stands_in_for(wanted))
        };
        let types = names.iter().filter(fits).map(|name| (*name).to_owned());
        Ok(Machines { gpu_support: wanted.gpus > 0, types: types.collect() })
    }

    async fn keys(&self, scope: &Scope) -> Result<Answer<Option<AwsKeys>>, DbError> {
        match self.aws.vault.keys(scope).await {
            Ok(keys) => Ok(Ok(keys)),
            Err(VaultError::Db(error)) => Err(error),
            Err(locked @ (VaultError::Locked | VaultError::Replaced)) => {
                Ok(Err(NoAnswer::NoLogin(locked.to_string())))
            }
        }
    }
}
