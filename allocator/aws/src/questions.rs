//! What AWS is asked before a launch, all at the same time.

use std::{future::Future, pin::Pin};

use lablink_core::{
    aws::AwsKeys,
    preflight::{Answer, Answers, CloudQuestions, MachineType, Plan},
};

use crate::{
    Account,
    asked::{Asked, Inquiry},
};

impl CloudQuestions for Account {
    fn ask<'a>(
        &'a self,
        keys: Option<&'a AwsKeys>,
        plan: &'a Plan,
    ) -> Pin<Box<dyn Future<Output = Answers> + Send + 'a>> {
        Box::pin(async move {
            let inquiry = Inquiry { plan, asked: Asked::new(self.with(keys).await) };
            let types: Vec<&str> = plan.types().collect();
            let (machines, (zones, image, rights), quota, price) = tokio::join!(
                inquiry.asked.machines(&types),
                inquiry.place(),
                inquiry.quota(),
                inquiry.price()
            );
            let (wanted, others) = match machines {
                Ok(found) => {
                    let (wanted, others): (Vec<_>, Vec<_>) =
                        found.into_iter().partition(|it| it.name == plan.machine_type);
                    (Ok(wanted.into_iter().next()), Ok(others))
                }
                Err(why) => (Err(why.clone()), Err(why)),
            };
            Answers { machine: wanted, others, zones, image, quota, price, rights }
        })
    }

    fn machines<'a>(
        &'a self,
        keys: Option<&'a AwsKeys>,
        names: &'a [&'a str],
    ) -> Pin<Box<dyn Future<Output = Answer<Vec<MachineType>>> + Send + 'a>> {
        Box::pin(async move { Asked::new(self.with(keys).await).machines(names).await })
    }
}
