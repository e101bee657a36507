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
            let (machine, (zones, image, rights), quota, price) = tokio::join!(
                inquiry.asked.machine(&plan.machine_type),
                inquiry.place(),
                inquiry.quota(),
                inquiry.price()
            );
            Answers { machine, zones, image, quota, price, rights }
        })
    }

    fn machine<'a>(
        &'a self,
        keys: Option<&'a AwsKeys>,
        machine_type: &'a str,
    ) -> Pin<Box<dyn Future<Output = Answer<Option<MachineType>>> + Send + 'a>> {
        Box::pin(async move { Asked::new(self.with(keys).await).machine(machine_type).await })
    }
}
