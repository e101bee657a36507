//! How cost grows with the number of VMs: what is asked is the same, only the pool is larger.

pub mod chart;
mod pages;
mod saved;
mod table;

use std::time::{Duration, Instant};

use anyhow::Result;

pub use pages::pages;

use crate::{
    agents::Agents,
    allocator::Allocator,
    claims::Crowd,
    handover,
    lab::BenchLab,
    readers::{Readers, headers},
    report::{Bar, Report, Unit, Value},
    stats::{median, milliseconds, quantile},
};

const SIZES: [u32; 4] = [100, 1_000, 10_000, 100_000];
/// What a page may cost at most in the largest pool, times what it costs in the smallest.
const MOST: f64 = 1.5;
const AT_ONCE: usize = 4;
/// What is repeated ends after this.
const ENOUGH: Duration = Duration::from_secs(3);

/// A list that is whole by its contract, and so costs what it is long; but not if the program that
/// asks has it already.
const STATUSES: &str = "/api/vm-status";

/// Some things' cost at several sizes.
#[derive(Clone, Debug, PartialEq)]
pub struct Growth {
    /// What there is more and more of.
    pub of: String,
    pub series: Vec<Series>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub what: String,
    pub unit: Unit,
    /// The size, and what was measured then.
    pub points: Vec<(u32, f64)>,
}

impl Series {
    pub fn new(what: &str, unit: Unit) -> Self {
        Self { what: what.to_owned(), unit, points: Vec::new() }
    }

    /// What it costs at its largest, times what it costs at its smallest.
    pub fn factor(&self) -> Option<f64> {
        let ((_, smallest), (_, largest)) = (self.points.first()?, self.points.last()?);
        Some(match self.unit {
            Unit::PerSecond => smallest / largest,
            _ => largest / smallest,
        })
    }
}

pub async fn measure(lab: &BenchLab, report: &mut Report) -> Result<Growth> {
    let allocator = Allocator::start(lab).await?;
    let mut all = vec![
        Series::new("claim", Unit::PerSecond),
        Series::new("request → agent has the claim", Unit::Milliseconds),
    ];
    all.extend(pages(SIZES[0]).iter().map(|(what, _)| Series::new(what, Unit::PerSecond)));
    all.push(Series::new("/api/vm-status, unchanged", Unit::PerSecond));
    let mut whole = Series::new("/api/vm-status, the whole list", Unit::PerSecond);
    for vms in SIZES {
        lab.fill_with_participants(vms).await?;
        let mut measured = vec![claims(lab, &allocator).await?, handover(lab, &allocator).await?];
        for (_, path) in pages(vms) {
            measured.push(page(&allocator, &path, Known::Nothing).await?);
        }
        measured.push(page(&allocator, STATUSES, Known::Before).await?);
        whole.points.push((vms, page(&allocator, STATUSES, Known::Nothing).await?));
        for (series, value) in all.iter_mut().zip(measured) {
            eprintln!("  {vms} VMs, {}: {}", series.what, Value(value, series.unit));
            series.points.push((vms, value));
        }
    }
    for series in &all {
        if let Some(factor) = series.factor() {
            let what = format!("{}: cost at 100,000 VMs", series.what);
            report.add(
                &what,
                Value(factor, Unit::Times),
                Some(Bar::AtMost(MOST)),
                "times that at 100",
            );
        }
    }
    all.push(whole);
    Ok(Growth { of: "VMs in the pool".to_owned(), series: all })
}

/// Claims per second. The VMs are freed after each turn, so that the small pool has enough.
async fn claims(lab: &BenchLab, allocator: &Allocator) -> Result<f64> {
    const TURNS: u32 = 15;
    const CLAIMS: u32 = 50;
    let last = lab.last_claim().await?;
    let start = Instant::now();
    let mut rates = Vec::new();
    for turn in 0..TURNS {
        if start.elapsed() > ENOUGH {
            break;
        }
        let crowd = Crowd::named(&format!("turn-{turn}"), 4, CLAIMS);
        rates.push(crowd.claim(allocator).await?.rate());
        lab.free(last).await?;
    }
    Ok(median(&rates))
}

/// Milliseconds from a participant's request to their agent's answer. The VMs are freed after it.
async fn handover(lab: &BenchLab, allocator: &Allocator) -> Result<f64> {
    const PEOPLE: u32 = 60;
    let last = lab.last_claim().await?;
    // Every fifth VM is claimed already.
    let free = (1..).filter(|nr| nr % 5 != 0).take(PEOPLE as usize);
    let names = free.map(|nr: u32| format!("lablink-vm-dev-{nr}")).collect();
    let agents = Agents::of(allocator, names).await?;
    let mut times = handover::alone(allocator, agents, "alone", PEOPLE).await?;
    lab.free(last).await?;
    Ok(milliseconds(quantile(&mut times, 0.5)))
}

/// What a reader says to have read already.
enum Known {
    Nothing,
    /// The answer from before, if it had a tag to know it by.
    Before,
}

/// Pages per second.
async fn page(allocator: &Allocator, path: &str, known: Known) -> Result<f64> {
    let mut connection = allocator.connect().await?;
    let start = Instant::now();
    for _ in 0..8 {
        connection.get(path, &headers(path)).await?.good()?;
        if start.elapsed() > ENOUGH {
            break;
        }
    }
    let before = connection.get(path, &headers(path)).await?;
    let known = match (known, before.header("etag")) {
        (Known::Before, Some(tag)) => format!("If-None-Match: {tag}\r\n"),
        _ => String::new(),
    };
    Ok(Readers { at_once: AT_ONCE, seconds: 1.0 }.read(allocator, path, &known).await?.rate)
}
