//! Breaks a running LabLink in every way while people use it, and checks afterwards that what they
//! saw was true and that nothing was lost. See docs/chaos.md.

mod check;
mod clock;
mod facts;
mod faults;
mod history;
mod load;
mod plan;
mod report;
mod run;
mod seeds;
mod world;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use clap::Parser;
use lablink_e2e::end_everything_in;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    plan::{Kind, Profile},
    report::say,
    run::Settings,
    seeds::{Seed, When},
};

#[derive(Parser)]
#[command(name = "lablink-chaos", about = "Breaks a running LabLink and checks what clients saw")]
struct Arguments {
    /// All choices follow from it [default: a random one]
    #[arg(long)]
    seed: Option<u64>,
    /// How long there is load
    #[arg(long, default_value_t = 30.0)]
    minutes: f64,
    #[arg(long, default_value_t = 3)]
    allocators: usize,
    /// How many VMs the organisers keep
    #[arg(long, default_value_t = 8)]
    vms: usize,
    #[arg(long, value_enum, default_value = "all")]
    profile: Profile,
    /// Only these faults
    #[arg(long, value_enum, value_delimiter = ',')]
    faults: Vec<Kind>,
    /// The faults of an earlier run, as its folder holds them
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// How long, in seconds, the world may take to become quiet
    #[arg(long, default_value_t = 180)]
    quiet: u64,
    /// Repeat the runs of this file instead
    #[arg(long, value_name = "FILE")]
    seeds: Option<PathBuf>,
    /// Only those of its runs that are part of the tests
    #[arg(long, requires = "seeds")]
    tests_only: bool,
}

fn main() -> Result<ExitCode> {
    // reqwest wants one, although nothing here is encrypted.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    let arguments = Arguments::parse();
    let mut findings = 0;
    for settings in wanted(&arguments)? {
        findings += one(&settings)?;
    }
    Ok(if findings == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The runs that were asked for.
fn wanted(arguments: &Arguments) -> Result<Vec<Settings>> {
    let quiet_within = Duration::from_secs(arguments.quiet);
    if let Some(file) = &arguments.seeds {
        let seeds = seeds::read(file)?;
        let chosen = seeds.into_iter().filter(|it| it.when == When::Test || !arguments.tests_only);
        return Ok(chosen.map(|seed| settings_of(&seed, quiet_within)).collect());
    }
    let seed = arguments.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
    let length = Duration::try_from_secs_f64(arguments.minutes * 60.0)
        .context("--minutes: write how many, as in 30 or 0.5")?;
    let (allocators, vms) = (arguments.allocators.max(1), arguments.vms.max(1));
    let plan = match &arguments.plan {
        Some(file) => plan::read(file)?,
        None => {
            let all = arguments.profile.kinds();
            let kinds = if arguments.faults.is_empty() { &all } else { &arguments.faults };
            plan::make(seed, kinds, arguments.profile, length, allocators)
        }
    };
    if plan.iter().any(|planned| planned.allocator >= allocators) {
        bail!("the plan is about more allocators than {allocators}: give --allocators");
    }
    Ok(vec![Settings { seed, length, allocators, vms, plan, quiet_within }])
}

fn settings_of(of: &Seed, quiet_within: Duration) -> Settings {
    say(&format!("once found: {}", of.found));
    let length = Duration::from_secs(of.seconds);
    let plan = plan::make(of.seed, &of.profile.kinds(), of.profile, length, of.allocators);
    let (seed, allocators, vms) = (of.seed, of.allocators, of.vms);
    Settings { seed, length, allocators, vms, plan, quiet_within }
}

/// One run from its seed to its findings. Answers how many there are.
fn one(settings: &Settings) -> Result<usize> {
    say(&format!(
        "seed {}: {:.0} s, {} allocators, {} VMs, {} faults",
        settings.seed,
        settings.length.as_secs_f64(),
        settings.allocators,
        settings.vms,
        settings.plan.len()
    ));
    let folder = tempfile::Builder::new()
        .prefix(&format!("lablink-chaos-{}-", settings.seed))
        .tempdir()?
        .keep();
    let processes = Processes { folder: &folder };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let ran = runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            ran = run::run(settings, &folder) => ran,
            _ = interrupt.recv() => bail!("interrupted"),
            _ = terminate.recv() => bail!("asked to stop"),
        }
    });
    // Nobody may start anything again while everything is ended.
    runtime.shutdown_timeout(Duration::from_secs(5));
    drop(processes);
    let evidence = ran.with_context(|| format!("what there is lies in {}", folder.display()))?;
    let findings = check::check(&evidence);
    report::print(&evidence, &findings);
    report::keep(&evidence, &findings, &folder.join("logs"))?;
    if findings.is_empty() {
        keep_logs_alone(&folder)?;
    }
    say(&format!("logs: {}", folder.join("logs").display()));
    Ok(findings.len())
}

/// All that was started in this folder, ended with it: after a panic too.
struct Processes<'a> {
    folder: &'a Path,
}

impl Drop for Processes<'_> {
    fn drop(&mut self) {
        end_everything_in(self.folder, &self.folder.join("database"));
    }
}

/// Without a finding nobody looks at the rest.
fn keep_logs_alone(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() && !path.ends_with("logs") {
            fs::remove_dir_all(&path)
                .with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}
