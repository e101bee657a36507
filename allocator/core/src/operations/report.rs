//! What a worker tells while it works.

use super::{Lease, LeaseError, LogLevel, Step};
use crate::{
    Actor,
    events::{Change, Kind, Touch},
};

/// News of a worker since its last report.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report<'a> {
    /// How many resources are done, out of `total`. For a collection: files.
    pub done: i32,
    pub total: i32,
    /// New lines of the readable log.
    pub lines: &'a [(LogLevel, String)],
    /// VMs with progress, each once.
    pub steps: &'a [Step],
    /// Whether a step that is `done` means that a machine was just made.
    pub makes: Makes,
}

/// What a finished step means for its VM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Makes {
    /// Nothing about its machine.
    #[default]
    Nothing,
    /// Its machine was just made, so nobody has used it.
    Machines,
}

impl Lease {
    /// Adds lines to the readable log and moves the progress, together.
    pub async fn advance(&self, report: &Report<'_>) -> Result<(), LeaseError> {
        let (levels, texts): (Vec<&str>, Vec<&str>) =
            report.lines.iter().map(|(level, line)| (level.as_str(), line.as_str())).unzip();
        let steps = report.steps;
        let names: Vec<&str> = steps.iter().map(|step| step.hostname.as_str()).collect();
        let stages: Vec<&str> = steps.iter().map(|step| step.stage.as_str()).collect();
        let started: Vec<_> = steps.iter().map(|step| step.started_at).collect();
        let finished: Vec<_> = steps.iter().map(|step| step.finished_at).collect();
        let details: Vec<Option<&str>> = steps.iter().map(|step| step.detail.as_deref()).collect();
        let mut client = self.scope.client().await?;
        let mut change = Change::begin(&self.scope, &mut client).await?;
        let rows = change
            .query(
                "with mine as (
                     update operation set progress_done = $3, progress_total = $4
                     where id = $1 and attempt = $2 and state = 'running' returning id, pool_id
                 ), made as (
                     -- A machine that was just made is nobody's yet.
                     select vm.id from mine join vm on vm.pool_id = mine.pool_id
                     where $12 and vm.hostname = any($7)
                       and vm.removed_at is null
                       and (vm.used_at is not null or vm.barred_at is not null
                            or vm.token_due_at is not null)
                       and vm.machine = 'making'
                       and ($8::text[])[array_position($7::text[], vm.hostname)] = 'done'
                     order by vm.id for no key update of vm
                 ), freed as (
                     update vm set used_at = null, barred_at = null, token_due_at = null
                     from made where vm.id = made.id returning vm.id
                 ), logged as (
                     insert into operation_log (operation_id, level, line)
                     select mine.id, new.level, new.line
                     from mine, unnest($5::text[], $6::text[]) with ordinality as new(level, line, place)
                     order by new.place
                 ), stepped as (
                     insert into operation_vm
                         (operation_id, hostname, stage, started_at, finished_at, detail)
                     select mine.id, new.*
                     from mine, unnest($7::text[], $8::text[], $9::timestamptz[],
                                       $10::timestamptz[], $11::text[]) as new
                     on conflict (operation_id, hostname) do update
                         set stage = excluded.stage, started_at = excluded.started_at,
                             finished_at = excluded.finished_at, detail = excluded.detail
                 )
                 select freed.id from mine left join freed on true",
                &[
                    &self.id,
                    &self.attempt,
                    &report.done,
                    &report.total,
                    &levels,
                    &texts,
                    &names,
                    &stages,
                    &started,
                    &finished,
                    &details,
                    &(report.makes == Makes::Machines),
                ],
            )
            .await?;
        if rows.is_empty() {
            return Err(LeaseError::Lost);
        }
        for row in rows {
            if let Some(vm) = row.try_get("id")? {
                change.event(Kind::VmFresh).of_vm(vm).of_operation(self.id).by(Actor::System);
            }
        }
        change.touch(Touch::Operation(self.id));
        change.commit().await?;
        Ok(())
    }
}
