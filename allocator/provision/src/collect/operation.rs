//! A collection as an operation: with progress, and an archive that is kept.

use std::{
    io,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use futures_util::StreamExt;
use lablink_core::amount::{counted, size};
use lablink_core::{
    DbError,
    collections::{self, Collect, Collected, Kept},
    operations::{LeaseError, LogLevel, OperationId, Outcome},
    worker::{Attempt, Ended, Runner, Stop, Trouble, Turn},
};
use lablink_protocol::Hostname;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{
    admission::admit,
    archive::Kept as KeptArchive,
    collector::{ZipCollector, archive_name},
    conclusion::{conclusion, sentence},
    gather::{Listed, Visit},
    harvest::Harvest,
    make::{Made, Making},
    progress_report::{News, ProgressReport},
    vm_progress::VmProgress,
};

/// What a collection leaves to be written at its end.
#[derive(Default)]
pub struct Left {
    news: News,
    report: Option<ProgressReport>,
    collected: Vec<Collected>,
    kept: Option<Kept>,
}

/// What was gathered.
struct Gathered {
    ended: Ended,
    collected: Vec<Collected>,
    kept: Option<Kept>,
}

impl Gathered {
    /// Of VMs that were not even asked for a file.
    fn nothing() -> Self {
        Self { ended: Ended::Cancelled, collected: Vec::new(), kept: None }
    }
}

impl Runner<Collect> for ZipCollector {
    type Left = Left;

    async fn attempt(&self, job: &Collect, turn: &mut Turn) -> Result<Attempt<Left>, Trouble> {
        if turn.operation.cancel_requested {
            return Ok(Ended::Cancelled.into());
        }
        if turn.abandoned {
            return Ok(stopped_by(Stop::Shutdown).into());
        }
        let visits = tokio::select! {
            biased;
            stop = turn.held.stopped(None) => return Ok(stopped_by(stop).into()),
            visits = self.visits(&job.hostnames) => visits?,
        };
        let (news, mut report) = (News::default(), ProgressReport::new(visits.clone()));
        let (stop, mut stopped) = (CancellationToken::new(), None);
        let made = {
            let made = self.collect_and_keep(turn.operation.id, &visits, job, &news, &stop);
            tokio::pin!(made);
            loop {
                tokio::select! {
                    biased;
                    why = turn.held.stopped(stopped) => match why {
                        // What has come is kept.
                        Stop::Cancel | Stop::Overdue => {
                            stopped = Some(why);
                            stop.cancel();
                        }
                        Stop::Shutdown | Stop::DatabaseAway | Stop::LeaseLost => {
                            break Err(stopped_by(why));
                        }
                    },
                    made = &mut made => break Ok(made),
                    never = report.go_on(&turn.lease, &news) => match never {},
                }
            }
        };
        let left = Left { news, report: Some(report), ..Left::default() };
        Ok(match made {
            Ok(Ok(Gathered { ended, collected, kept })) => {
                let ended = stopped.map_or(ended, Ended::stopped_by);
                Attempt { ended, left: Left { collected, kept, ..left } }
            }
            Ok(Err(error)) => {
                let reason = format!("the archive could not be written: {error}");
                let id = turn.operation.id;
                tracing::error!(operation.id = %id, reason, "nothing could be kept");
                Attempt { ended: Ended::failed(sentence(&reason)), left }
            }
            Err(ended) => Attempt { ended, left },
        })
    }

    async fn settle(
        &self,
        _job: &Collect,
        turn: &Turn,
        _outcome: &Outcome,
        left: &mut Left,
    ) -> Result<(), LeaseError> {
        let Left { news, report, collected, kept } = left;
        if let Some(report) = report {
            report.tell(&turn.lease, news).await?;
        }
        let (scope, id) = (&self.gatherer.scope, turn.operation.id);
        collections::record(scope, id, collected, kept.as_ref()).await?;
        Ok(())
    }

    async fn tidy(&self) {
        if let Err(error) = self.tidy_shelf().await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "old archives could not be looked for");
        }
    }
}

impl ZipCollector {
    async fn visits(&self, hostnames: &[Hostname]) -> Result<Vec<Visit>, DbError> {
        let machines = self.machines.find(Some(hostnames)).await?;
        let begun = Arc::new(Notify::new());
        let visit =
            |machine| Visit { machine, progress: Arc::new(VmProgress::new(Arc::clone(&begun))) };
        Ok(machines.into_iter().map(visit).collect())
    }

    async fn collect_and_keep(
        &self,
        id: OperationId,
        visits: &[Visit],
        job: &Collect,
        news: &News,
        stop: &CancellationToken,
    ) -> io::Result<Gathered> {
        let mut listed: Vec<Listed> = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(Gathered::nothing()),
            listed = self.gatherer.list(visits, &job.extension).collect::<Vec<_>>() => listed,
        };
        let (count, bytes) = visits.iter().fold((0, 0), |(count, bytes): (u64, u64), visit| {
            let progress = &visit.progress;
            let found = progress.found_bytes.load(Relaxed);
            (count + progress.found_files.load(Relaxed), bytes.saturating_add(found))
        });
        let found =
            format!("Found {} ({}) on {} VMs", counted(count, "file"), size(bytes), visits.len());
        news.line(LogLevel::Info, found);
        admit(&self.room, &mut listed);
        let torso = self.shelf.begin(id)?;
        let listed = futures_util::stream::iter(listed);
        // A report alone is of use where it tells what was left out.
        let is_worth = |harvest: &Harvest| harvest.files > 0 || harvest.skipped.count > 0;
        let (medium, stop, vms) = (KeptArchive::new(torso.file()?), stop.clone(), visits.len());
        let making = Making { gatherer: &self.gatherer, medium, vms, stop, is_worth };
        let Made { harvests, size: archive } =
            making.run(listed, |harvest| news.end(harvest)).await?;
        let kept = match archive {
            None => None,
            Some(bytes) => {
                let completed = tokio::task::spawn_blocking(move || torso.complete()).await;
                completed.map_err(io::Error::other)??;
                let kept = Kept {
                    file_name: archive_name(),
                    size: i64::try_from(bytes).unwrap_or(i64::MAX),
                    kept_by: self.shelf.owner.clone(),
                };
                let told = format!("The archive {} is there ({})", kept.file_name, size(bytes));
                news.line(LogLevel::Info, told);
                Some(kept)
            }
        };
        let ended = conclusion(&harvests, &job.extension, job.on_skipped);
        let collected = harvests.iter().map(Harvest::collected).collect();
        Ok(Gathered { ended, collected, kept })
    }
}

/// The end of a collection of which nobody is left to finish the archive.
fn stopped_by(stop: Stop) -> Ended {
    match Ended::stopped_by(stop) {
        Ended::Interrupted { .. } => Ended::Interrupted {
            reason: "The allocator stopped in the middle, or could not reach the database. No \
                     archive was kept: collect again."
                .to_owned(),
        },
        other => other,
    }
}
