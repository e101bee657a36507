//! A collection as an operation: with progress, and an archive that is kept.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use futures_util::StreamExt;
use lablink_core::amount::{counted, size};
use lablink_core::{
    DbError,
    collections::{self, Collected, Kept, OnSkipped},
    operations::{LeaseError, LogLevel, OperationId, OperationState, Outcome},
    pools::Extension,
};
use lablink_protocol::Hostname;
use tokio::sync::Notify;

use super::{
    admission::admit,
    collector::{ZipCollector, archive_name},
    conclusion::{conclusion, sentence},
    gather::{Listed, Visit},
    harvest::Harvest,
    make::{Made, make},
    room::Full,
    tally::Tally,
    telling::{News, Telling},
};
use crate::{
    terraform::chain,
    worker::{Ended, Turn, outcome},
};

/// What is written at the end.
struct End {
    outcome: Outcome,
    collected: Vec<Collected>,
    kept: Option<Kept>,
}

/// Why a collection could not be made.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Full(#[from] Full),
    #[error("the archive could not be written: {0}")]
    Archive(#[from] std::io::Error),
}

impl ZipCollector {
    /// Collects for an operation, whatever comes in between, to a written end.
    pub(crate) async fn carry_out(
        &self,
        hostnames: &[Hostname],
        extension: &Extension,
        on_skipped: OnSkipped,
        turn: &mut Turn,
    ) {
        let id = turn.operation.id;
        let news = News::default();
        let visits = match self.visits(hostnames, turn).await {
            Ok(visits) => visits,
            Err(ended) => return self.end(turn, &news, None, ended).await,
        };
        let mut telling = Telling::new(visits.clone());
        let lease = Arc::clone(&turn.lease);
        let ended = tokio::select! {
            biased;
            stop = turn.held.stopped(None) => Err(Ended::stopped_by(stop)),
            made = self.collect_and_keep(id, &visits, extension, on_skipped, &news) => Ok(made),
            never = telling.go_on(&lease, &news) => match never {},
        };
        let ended = ended.and_then(|made| {
            made.map_err(|trouble| {
                tracing::error!(operation.id = %id, reason = %trouble, "nothing could be kept");
                Ended::Failed { exit_code: None, reason: sentence(&trouble.to_string()) }
            })
        });
        match ended {
            Ok(end) => self.write(turn, &news, Some(&mut telling), &end).await,
            Err(ended) => self.end(turn, &news, Some(&mut telling), ended).await,
        }
        if let Err(error) = self.shelf.tidy(&self.gatherer.scope).await {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "old archives could not be looked for");
        }
    }

    /// The VMs to collect from, as soon as the database tells them.
    async fn visits(&self, hostnames: &[Hostname], turn: &mut Turn) -> Result<Vec<Visit>, Ended> {
        if turn.operation.cancel_requested {
            return Err(Ended::Cancelled);
        }
        if turn.abandoned {
            return Err(Ended::Interrupted);
        }
        let machines = loop {
            let found = tokio::select! {
                biased;
                stop = turn.held.stopped(None) => return Err(Ended::stopped_by(stop)),
                found = self.machines.find(Some(hostnames)) => found,
            };
            match found {
                Ok(machines) => break machines,
                Err(refused) if turn.waits_for(&refused).await => {}
                Err(refused) => {
                    let reason = chain(&refused);
                    return Err(Ended::Failed { exit_code: None, reason });
                }
            }
        };
        let begun = Arc::new(Notify::new());
        let visit = |machine| Visit { machine, tally: Arc::new(Tally::new(Arc::clone(&begun))) };
        Ok(machines.into_iter().map(visit).collect())
    }

    async fn collect_and_keep(
        &self,
        id: OperationId,
        visits: &[Visit],
        extension: &Extension,
        on_skipped: OnSkipped,
        news: &News,
    ) -> Result<End, Trouble> {
        let mut listed: Vec<Listed> = self.gatherer.list(visits, extension).collect().await;
        let (count, bytes) = visits.iter().fold((0, 0), |(count, bytes): (u64, u64), visit| {
            let tally = &visit.tally;
            let found = tally.found_bytes.load(Relaxed);
            (count + tally.found_files.load(Relaxed), bytes.saturating_add(found))
        });
        let found =
            format!("Found {} ({}) on {} VMs", counted(count, "file"), size(bytes), visits.len());
        news.line(LogLevel::Info, found);
        admit(&self.room, &mut listed, self.gatherer.limits.at_once)?;
        let torso = self.shelf.begin(id)?;
        let out = std::io::BufWriter::with_capacity(256 * 1024, torso.file()?);
        let listed = futures_util::stream::iter(listed);
        // A report alone is of use where it tells what was left out.
        let any_row = |harvest: &Harvest| harvest.files > 0 || harvest.skipped.count > 0;
        let Made { harvests, size: archive } =
            make(&self.gatherer, listed, out, any_row, |harvest| news.end(harvest)).await?;
        let kept = match archive {
            None => None,
            Some(bytes) => {
                let completed = tokio::task::spawn_blocking(move || torso.complete()).await;
                completed.map_err(std::io::Error::other)??;
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
        let outcome = conclusion(&harvests, extension, on_skipped);
        let collected = harvests.iter().map(Harvest::collected).collect();
        Ok(End { outcome, collected, kept })
    }

    /// The end of a collection of which nothing is kept.
    async fn end(&self, turn: &mut Turn, news: &News, telling: Option<&mut Telling>, ended: Ended) {
        let id = turn.operation.id;
        match outcome(&ended) {
            None => tracing::warn!(operation.id = %id, "the operation was taken over"),
            Some(mut outcome) => {
                if outcome.state == OperationState::Interrupted {
                    outcome.reason =
                        Some(format!("{} No archive was kept: collect again.", STOPPED));
                }
                let end = End { outcome, collected: Vec::new(), kept: None };
                self.write(turn, news, telling, &end).await;
            }
        }
    }

    async fn write(
        &self,
        turn: &mut Turn,
        news: &News,
        mut telling: Option<&mut Telling>,
        end: &End,
    ) {
        loop {
            let written = self.write_once(turn, news, telling.as_deref_mut(), end).await;
            if !turn.again(written).await {
                return;
            }
        }
    }

    async fn write_once(
        &self,
        turn: &Turn,
        news: &News,
        telling: Option<&mut Telling>,
        end: &End,
    ) -> Result<(), LeaseError> {
        if let Some(telling) = telling {
            telling.tell(&turn.lease, news).await?;
        }
        let (scope, id) = (&self.gatherer.scope, turn.operation.id);
        let recorded = collections::record(scope, id, &end.collected, end.kept.as_ref()).await;
        recorded.map_err(|error: DbError| LeaseError::Db(error))?;
        turn.lease.finish(&end.outcome).await
    }
}

const STOPPED: &str = "The allocator stopped in the middle, or could not reach the database.";
