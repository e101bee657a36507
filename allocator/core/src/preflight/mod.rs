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

    /// The one question that an operation can't do without. None: there is no such type.
    fn machine<'a>(
        &'a self,
        keys: Option<&'a AwsKeys>,
        machine_type: &'a str,
    ) -> Pin<Box<dyn Future<Output = Answer<Option<MachineType>>> + Send + 'a>>;
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

    /// Whether the machines have a GPU that agents and containers know.
    pub async fn gpu_support(&self, scope: &Scope) -> Result<bool, GpuUnknown> {
        let machine_type = self.plan.machine_type.clone();
        let answer = match self.keys(scope).await? {
            Ok(keys) => self.cloud.machine(keys.as_ref(), &machine_type).await,
            Err(why) => Err(why),
        };
        match answer {
            Ok(Some(machine)) => Ok(machine.gpus > 0),
            Ok(None) => Err(GpuUnknown::NoSuchType(machine_type)),
            Err(why) => Err(GpuUnknown::NoAnswer { machine_type, why }),
        }
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
