//! Claims over HTTP, beside the smallest statement that claims and beside the allocator's own, both
//! run by pgbench: how much of a claim is Postgres, and how much the program.

mod cost;
mod crowd;
mod pgbench;
mod script;
mod smallest;

use std::time::Duration;

use anyhow::{Result, ensure};

pub use crowd::{Crowd, wish};

use crate::{
    allocator::Allocator,
    lab::BenchLab,
    report::{Bar, Report, Unit, Value},
    stats::{median, milliseconds},
};
use pgbench::{Pgbench, Turn};
use script::Script;
use smallest::FREE;

const CLAIMS: u32 = 4_000;
const ROUNDS: usize = 3;
/// The allocator's connections to its database, at most.
const CONNECTIONS: u32 = 16;
/// How many at once, and what share of the smallest statement's rate it should be.
const LEVELS: [(u32, f64); 4] = [(1, 0.3), (16, 0.3), (64, 0.5), (200, 0.9)];

#[derive(Default)]
struct Turns {
    smallest: Vec<Turn>,
    own: Vec<Turn>,
    http: Vec<Turn>,
    /// Microseconds of processor time per claim over HTTP: the measuring program, the allocator,
    /// Postgres.
    processors: Vec<[f64; 3]>,
}

pub async fn measure(lab: &BenchLab, report: &mut Report) -> Result<()> {
    let allocator = Allocator::start(lab).await?;
    let smallest = smallest::script(lab).await?;
    let own = script::of_allocator(lab, &allocator).await?;
    let mut table = vec![heading()];
    for (at_once, bar) in LEVELS {
        let mut turns = Turns::default();
        for _ in 0..ROUNDS {
            take_turns(lab, &allocator, (&smallest, &own), at_once, &mut turns).await?;
        }
        table.push(turns.line(at_once));
        turns.judge(at_once, bar, report);
    }
    report.tabulate("Claims, 6,000 free VMs", table);
    cost::measure(lab, &allocator, (&smallest, &own), report).await?;
    one_instant(lab, &allocator, report).await
}

async fn take_turns(
    lab: &BenchLab,
    allocator: &Allocator,
    (smallest, own): (&Script, &Script),
    at_once: u32,
    turns: &mut Turns,
) -> Result<()> {
    lab.fill(FREE).await?;
    let crowd = Crowd::of(at_once, CLAIMS);
    let before = lab.processor_time().await?;
    let crowd = crowd.claim(allocator).await?;
    let postgres = lab.processor_time().await?.saturating_sub(before);
    let claims = crowd.claims();
    let [ours, theirs] = crowd.processor;
    let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(claims);
    turns.processors.push([ours, theirs, postgres].map(each));
    turns.http.push(Turn { rate: crowd.rate(), p99: milliseconds(crowd.quantile(0.99)) });

    lab.fill(FREE).await?;
    let connections = at_once.min(CONNECTIONS);
    turns.own.push(Pgbench { lab, script: own, connections, transactions: claims }.run()?);

    smallest::fill(lab, FREE).await?;
    let run = Pgbench { lab, script: smallest, connections: at_once, transactions: CLAIMS };
    turns.smallest.push(run.run()?);
    let (claimed, asked) = (smallest::claimed(lab).await?, run.each() * i64::from(at_once));
    ensure!(claimed == asked, "the smallest statement claimed {claimed} of {asked}");
    Ok(())
}

fn heading() -> Vec<String> {
    let words = [
        "at once",
        "smallest statement",
        "the allocator's statement",
        "over HTTP",
        "HTTP : smallest",
        "p99 smallest",
        "p99 HTTP",
        "processor per claim: measuring program, allocator, Postgres",
    ];
    words.map(str::to_owned).to_vec()
}

fn middle(turns: &[Turn], of: impl Fn(&Turn) -> f64) -> f64 {
    median(&turns.iter().map(of).collect::<Vec<_>>())
}

impl Turns {
    fn line(&self, at_once: u32) -> Vec<String> {
        let rate = |turns: &[Turn]| middle(turns, |turn| turn.rate);
        let p99 = |turns: &[Turn]| middle(turns, |turn| turn.p99);
        let processor =
            |nr: usize| median(&self.processors.iter().map(|times| times[nr]).collect::<Vec<_>>());
        vec![
            at_once.to_string(),
            format!("{:.0}/s", rate(&self.smallest)),
            format!("{:.0}/s", rate(&self.own)),
            format!("{:.0}/s", rate(&self.http)),
            format!("{:.3}", rate(&self.http) / rate(&self.smallest)),
            format!("{:.1} ms", p99(&self.smallest)),
            format!("{:.1} ms", p99(&self.http)),
            format!("{:.0}, {:.0}, {:.0} µs", processor(0), processor(1), processor(2)),
        ]
    }

    fn judge(&self, at_once: u32, bar: f64, report: &mut Report) {
        let what = format!("claims, {at_once} at once");
        let rate = |turns: &[Turn]| middle(turns, |turn| turn.rate);
        let (http, smallest) = (rate(&self.http), rate(&self.smallest));
        let share = Value(http / smallest, Unit::Times);
        let note = format!("the smallest statement: {smallest:.0}/s");
        report.add(&what, share, Some(Bar::AtLeast(bar)), &note);
        report.add(&format!("{what}, over HTTP"), Value(http, Unit::PerSecond), None, "");
        if at_once == 200 {
            let p99 = |turns: &[Turn]| middle(turns, |turn| turn.p99);
            let share = Value(p99(&self.http) / p99(&self.smallest), Unit::Times);
            let what = "p99 of a claim, 200 at once";
            report.add(what, share, Some(Bar::AtMost(1.3)), "times that of the smallest statement");
        }
    }
}

/// What an organiser's whole class sends in one instant.
async fn one_instant(lab: &BenchLab, allocator: &Allocator, report: &mut Report) -> Result<()> {
    const CLASS: u32 = 200;
    lab.fill(CLASS).await?;
    let crowd = Crowd::of(CLASS, CLASS).claim(allocator).await?;
    let slowest = Value(milliseconds(crowd.quantile(1.0)), Unit::Milliseconds);
    let note = "the slowest; each has another VM";
    report.add("200 claims in one instant", slowest, Some(Bar::AtMost(1000.0)), note);
    Ok(())
}
