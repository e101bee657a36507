//! Measures a built allocator against the project's bars, each as a ratio or a time of the same run,
//! on a Postgres server of its own. `make bench` prints tables; nothing fails by being slow, as other
//! programs run on the same machine.
//!
//! It does all with one thread, for it shares the cores with what it measures.

mod agents;
mod allocator;
mod burst;
mod claims;
mod compare;
mod connection;
mod growth;
mod handover;
mod heartbeats;
mod lab;
mod logs;
mod memory;
mod pages;
mod process;
mod readers;
mod report;
mod start;
mod stats;
mod waits;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Parser, ValueEnum};

use crate::{compare::Comparison, growth::Growth, lab::BenchLab, report::Report};

#[derive(Parser)]
struct Options {
    /// What to measure; all, if nothing is named.
    parts: Vec<Part>,
    /// The allocator [default: beside this program].
    #[arg(long, value_name = "PROGRAM")]
    allocator: Option<PathBuf>,
    /// Another allocator, to compare that one with. They take turns.
    #[arg(long, value_name = "PROGRAM")]
    with: Option<PathBuf>,
    /// How many turns each of two has.
    #[arg(long, default_value_t = 3)]
    turns: usize,
    /// With how many stored log lines to measure at most: ten million take minutes to store.
    #[arg(long, default_value_t = 1_000_000)]
    lines: u32,
    /// Where to write charts and what they show.
    #[arg(long, value_name = "FOLDER", default_value = "target/bench")]
    save: PathBuf,
    /// Where an earlier run has written the same, to draw both.
    #[arg(long, value_name = "FOLDER")]
    before: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Part {
    Start,
    Claims,
    Handover,
    Burst,
    Growth,
    Waits,
    Logs,
    Pages,
    Heartbeats,
    Memory,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    let beside = std::env::current_exe()?.with_file_name("lablink-allocator");
    let allocator = options.allocator.as_ref().unwrap_or(&beside);
    let Some(other) = &options.with else {
        return options.measure(allocator).await?.print();
    };
    let mut comparison = Comparison::default();
    for turn in 1..=options.turns {
        for (whose, program) in [other, allocator].into_iter().enumerate() {
            eprintln!("turn {turn} of {}", program.display());
            comparison.note(whose, &options.measure(program).await?);
        }
    }
    let mut report = Report::default();
    report.tabulate("Two commits", comparison.table(["that one", "this one"]));
    report.print()
}

impl Options {
    async fn measure(&self, allocator: &Path) -> Result<Report> {
        let lab = BenchLab::open(allocator.canonicalize()?).await?;
        let mut report = Report::default();
        let measured = self.measure_in(&lab, &mut report).await;
        lab.close().await?;
        measured.map(|()| report)
    }

    async fn measure_in(&self, lab: &BenchLab, report: &mut Report) -> Result<()> {
        let all = Part::value_variants();
        for part in if self.parts.is_empty() { all } else { &self.parts } {
            if let Some(name) = part.to_possible_value() {
                eprintln!("measuring: {}", name.get_name());
            }
            match part {
                Part::Start => start::measure(lab, report).await?,
                Part::Claims => claims::measure(lab, report).await?,
                Part::Handover => handover::measure(lab, report).await?,
                Part::Burst => burst::measure(lab, report).await?,
                Part::Growth => {
                    let growth = growth::measure(lab, report).await?;
                    self.show(&growth, "growth", "How cost grows", report)?;
                }
                Part::Waits => waits::measure(lab, report).await?,
                Part::Logs => {
                    let growth = logs::measure(lab, self.lines, report).await?;
                    self.show(&growth, "logs", "Log lines", report)?;
                }
                Part::Pages => pages::measure(lab, report).await?,
                Part::Heartbeats => heartbeats::measure(lab, report).await?,
                Part::Memory => memory::measure(lab, report).await?,
            }
        }
        Ok(())
    }

    /// As a table, a chart and a file.
    fn show(&self, growth: &Growth, name: &str, title: &str, report: &mut Report) -> Result<()> {
        report.tabulate(title, growth.table());
        std::fs::create_dir_all(&self.save)?;
        growth.save(&self.save.join(name).with_extension("tsv"))?;
        let before = self.before.as_ref().map(|folder| folder.join(name).with_extension("tsv"));
        let before = before.filter(|path| path.exists()).map(|path| Growth::read(&path));
        let chart = growth::chart::draw(growth, before.transpose()?.as_ref());
        Ok(std::fs::write(self.save.join(name).with_extension("svg"), chart)?)
    }
}
