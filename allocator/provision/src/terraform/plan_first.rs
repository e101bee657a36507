//! A change whose plan is looked at before it is carried out.

use std::{ffi::OsString, io, path::Path, time::Duration};

use lablink_core::{
    chain,
    worker::{Attempt, Ended, Held},
};

use super::{
    plan::Plan,
    provider::Course,
    run::{Apply, Planned, Ran},
    state::listed,
};

/// How long it may take to show a plan.
const SHOW: Duration = Duration::from_mins(1);

impl Apply<'_> {
    /// Prepares the change and, where that can be known beforehand, makes sure that it touches
    /// nothing but the VMs that it names. Else tells how it has ended, with nothing done.
    pub async fn plan(&self, held: &mut Held) -> io::Result<Result<Planned, Attempt<Ran>>> {
        self.workspace.write_vms(&self.vms)?;
        match self.workspace.provider.course() {
            Course::Apply => Ok(Ok(Planned::Later)),
            Course::PlanFirst => self.plan_first(held).await,
        }
    }

    async fn plan_first(&self, held: &mut Held) -> io::Result<Result<Planned, Attempt<Ran>>> {
        let file = self.folder.join("plan");
        let mut beyond = Vec::new();
        // A VM that is gone from the cloud would be made again unasked. The state still has it.
        for look in ["-refresh=true", "-refresh=false"] {
            let mut out = OsString::from("-out=");
            out.push(&file);
            let options = [look.into(), out].into_iter().chain(self.wishes()).collect();
            let attempt = self.call("plan", options, self.progress(), held).await?;
            if !matches!(attempt.ended, Ended::Succeeded) {
                return Ok(Err(attempt));
            }
            let plan = match self.show(&file).await {
                Ok(plan) => plan,
                Err(why) => return Ok(Err(Attempt { ended: Ended::failed(why), ..attempt })),
            };
            beyond = plan.beyond(&self.named);
            if beyond.is_empty() {
                let (progress, aims) = (attempt.left.progress, plan.aims());
                return Ok(Ok(Planned::In { file, progress: Box::new(progress), aims }));
            }
            std::fs::remove_file(&file)?;
        }
        let deeds: Vec<String> =
            beyond.iter().map(|it| format!("{} ({})", it.hostname, it.deed)).collect();
        let reason = format!(
            "Nothing was changed: Terraform would have made anew, stopped or removed VMs, and nobody \
             asked for that: {}. Put back what has changed around them (the configuration, LabLink's \
             version, something in the cloud), or replace these VMs first.",
            listed(&deeds)
        );
        let left = Ran { applied: true, ..Ran::default() };
        Ok(Err(Attempt { ended: Ended::failed(reason), left }))
    }

    /// The plan in this file.
    async fn show(&self, file: &Path) -> Result<Plan, String> {
        let file = file.to_string_lossy();
        let shown = self.workspace.step(SHOW, &["show", "-json", "-no-color", &file]).run().await;
        let plan = shown.map_err(|error| chain(&error))?;
        Plan::parse(&plan).map_err(|error| format!("Terraform's plan: {error}"))
    }
}
