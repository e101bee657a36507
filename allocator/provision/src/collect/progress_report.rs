use std::{
    convert::Infallible,
    sync::{Mutex, PoisonError, atomic::Ordering::Relaxed},
    time::Duration,
};

use jiff::Timestamp;
use lablink_core::amount::{counted, size};
use lablink_core::operations::{Lease, LeaseError, LogLevel, Report, Stage, Step};
use tokio::time::Instant;

use super::{gather::Visit, harvest::Harvest, vm_progress::Doing};

/// How often somebody who looks on is told.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Tells an operation's page how far each VM is.
pub(super) struct ProgressReport {
    visits: Vec<Visit>,
    said: Vec<Told>,
}

/// What was told last of a VM.
struct Told {
    step: Step,
    bytes: u64,
    at: Instant,
}

/// What is told by others: log lines, and how VMs have ended.
#[derive(Default)]
pub(super) struct News {
    lines: Mutex<Vec<(LogLevel, String)>>,
    /// By hostname: why not everything came.
    ends: Mutex<Vec<(String, Option<String>)>>,
}

impl News {
    pub fn line(&self, level: LogLevel, line: String) {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push((level, line));
    }

    /// A VM is done with.
    pub fn end(&self, harvest: &Harvest) {
        let Harvest { hostname, files: count, bytes, seconds, .. } = harvest;
        let came = format!("{} ({}) in {seconds:.1} s", counted(*count, "file"), size(*bytes));
        let shortfall = harvest.shortfall();
        if let Some(what) = harvest.skipped.told() {
            let count = counted(harvest.skipped.count, "thing");
            let line = format!("{hostname}: left out, though they may be results: {count}: {what}");
            self.line(LogLevel::Warn, line);
        }
        match &shortfall {
            None => self.line(LogLevel::Info, format!("{hostname}: {came}")),
            Some(why) => self.line(LogLevel::Error, format!("{hostname}: {came}, but {why}")),
        }
        let end = (hostname.to_string(), shortfall);
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).push(end);
    }
}

impl ProgressReport {
    pub fn new(visits: Vec<Visit>) -> Self {
        let told = |visit: &Visit| Told {
            step: Step::waiting(visit.machine.hostname.clone()),
            bytes: 0,
            at: Instant::now(),
        };
        let said = visits.iter().map(told).collect();
        Self { visits, said }
    }

    /// Tells from time to time, for as long as it is let.
    pub async fn go_on(&mut self, lease: &Lease, news: &News) -> Infallible {
        loop {
            match self.tell(lease, news).await {
                // A lost lease is for its keeper to tell.
                Ok(()) | Err(LeaseError::Lost) => {}
                Err(LeaseError::Db(error)) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(error, "progress could not be written");
                }
            }
            tokio::time::sleep(TELL_EVERY).await;
        }
    }

    /// Tells what has changed. What could not be written is told the next time.
    pub async fn tell(&mut self, lease: &Lease, news: &News) -> Result<(), LeaseError> {
        let lines = lock(&news.lines).clone();
        let ends = lock(&news.ends).clone();
        let (mut steps, mut places) = (Vec::new(), Vec::new());
        for (place, (visit, told)) in self.visits.iter().zip(&self.said).enumerate() {
            let end = ends.iter().find(|(name, _)| *name == visit.machine.hostname.as_str());
            let step = step(visit, told, end.map(|(_, why)| why.as_deref()));
            if step != told.step {
                steps.push(step);
                places.push(place);
            }
        }
        let sum = |of: fn(&Visit) -> u64| {
            i32::try_from(self.visits.iter().map(of).sum::<u64>()).unwrap_or(i32::MAX)
        };
        let report = Report {
            done: sum(|it| it.progress.files.load(Relaxed)),
            total: sum(|it| it.progress.found_files.load(Relaxed)),
            lines: &lines,
            steps: &steps,
            ..Report::default()
        };
        if lines.is_empty() && steps.is_empty() {
            return Ok(());
        }
        lease.advance(&report).await?;
        // Only now: this may be dropped while it waits, when the work is done.
        lock(&news.lines).drain(..lines.len());
        for (place, step) in places.into_iter().zip(steps) {
            let bytes = self.visits[place].progress.bytes.load(Relaxed);
            self.said[place] = Told { step, bytes, at: Instant::now() };
        }
        Ok(())
    }
}

/// `end` is there when the VM is done with: why not everything came, if so.
fn step(visit: &Visit, told: &Told, end: Option<Option<&str>>) -> Step {
    let progress = &visit.progress;
    let (found, came) = (progress.found_files.load(Relaxed), progress.files.load(Relaxed));
    let bytes = progress.bytes.load(Relaxed);
    let (stage, detail) = match (end, progress.doing()) {
        (Some(None), _) => {
            let skipped = match progress.skipped.load(Relaxed) {
                0 => String::new(),
                count => format!(", {} left out that may be results", counted(count, "thing")),
            };
            (Stage::Done, Some(format!("{}, {}{skipped}", counted(came, "file"), size(bytes))))
        }
        (Some(Some(why)), _) => (Stage::Failed, Some(why.to_owned())),
        (None, Doing::Waiting) if found == 0 => (Stage::Waiting, None),
        (None, Doing::Waiting) => {
            let bytes = progress.found_bytes.load(Relaxed);
            (Stage::Waiting, Some(format!("has {}, {}", counted(found, "file"), size(bytes))))
        }
        (None, Doing::Listing) => (Stage::Collecting, Some("looking for files".to_owned())),
        (None, Doing::Fetching | Doing::Over) => {
            let seconds = told.at.elapsed().as_secs_f64().max(0.1);
            let rate = bytes.saturating_sub(told.bytes) as f64 / seconds;
            let detail = format!(
                "{came} of {}, {} of {}, {}/s",
                counted(found, "file"),
                size(bytes),
                size(progress.found_bytes.load(Relaxed)),
                size(rate as u64)
            );
            (Stage::Collecting, Some(detail))
        }
    };
    let over = matches!(stage, Stage::Done | Stage::Failed);
    let began = told.step.started_at.or_else(|| (stage != Stage::Waiting).then(Timestamp::now));
    Step {
        hostname: visit.machine.hostname.clone(),
        stage,
        started_at: began,
        finished_at: told.step.finished_at.or_else(|| over.then(Timestamp::now)),
        detail,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
