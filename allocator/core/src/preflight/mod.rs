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
    secrets::{AwsLogin, VaultError},
};

/// Asks AWS what there is to know before a launch. It takes less than five seconds, whatever AWS does.
pub trait CloudQuestions: Send + Sync {
    /// With these keys, or else with what the process finds by itself.
    fn ask<'a>(
        &'a self,
        keys: Option<&'a AwsKeys>,
        plan: &'a Plan,
    ) -> Pin<Box<dyn Future<Output = Answers> + Send + 'a>>;
}

/// Looks before a launch.
pub struct Preflight {
    pub plan: Plan,
    pub cloud: Box<dyn CloudQuestions>,
    /// Whose account it is.
    pub aws: Arc<AwsLogin>,
}

impl Preflight {
    /// What a launch would meet now.
    pub async fn report(&self, scope: &Scope, wanted: &Wanted) -> Result<Report, DbError> {
        let answers = match self.aws.vault.keys(scope).await {
            Ok(keys) => self.cloud.ask(keys.as_ref(), &self.plan).await,
            Err(VaultError::Db(error)) => return Err(error),
            Err(locked @ (VaultError::Locked | VaultError::Replaced)) => {
                Answers::none(&NoAnswer::NoLogin(locked.to_string()))
            }
        };
        Ok(judge::judge(&self.plan, wanted, &answers))
    }
}
