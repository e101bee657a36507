use std::time::Duration;

use anyhow::Result;

use crate::{Deployment, eventually, processes_of};

/// A moment in a launch.
#[derive(Clone, Copy, Debug)]
pub enum Moment {
    Asked,
    TerraformStarted,
    /// This many VMs, earlier ones included, have a folder on this machine.
    Machines(usize),
    /// This many have an agent that has enrolled.
    Enrolled(usize),
}

impl Deployment {
    pub async fn until(&self, moment: Moment) -> Result<()> {
        eventually(&format!("{moment:?}"), Duration::from_secs(20), async || {
            let reached = match moment {
                Moment::Asked => true,
                Moment::TerraformStarted => self.terraform_applies()?,
                Moment::Machines(count) => self.machine_names()?.len() >= count,
                Moment::Enrolled(count) => self.enrolled()? >= count,
            };
            Ok(reached.then_some(()))
        })
        .await
    }

    pub fn terraform_applies(&self) -> Result<bool> {
        let mut running = processes_of(&self.data_dir())?.into_iter();
        Ok(running.any(|process| process.command_line.contains("terraform apply")))
    }

    fn enrolled(&self) -> Result<usize> {
        let names = self.machine_names()?.into_iter();
        let tokens = names.map(|name| self.machine(&name).agent_token_file());
        Ok(tokens.filter(|token| token.exists()).count())
    }
}
