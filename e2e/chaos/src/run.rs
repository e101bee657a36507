//! One run: a world, load and faults at once, then quiet, and the facts.

use std::{fs, path::Path, sync::Arc, time::Duration};

use anyhow::{Context, Result};
use lablink_e2e::eventually;
use serde_json::json;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, timeout},
};

use crate::{
    check::Evidence,
    clock::Clock,
    facts::{self, Facts, Place},
    faults,
    history::Recorder,
    load::{self, As, Body, ChaosLab, Client, Phase, prober, sampler},
    plan::Planned,
    report::say,
    world::{Machines, World},
};

/// From the first launch to the first machine that can be claimed.
const FIRST_VM: Duration = Duration::from_secs(90);
/// The last fault's end is looked at as well: whether service is back after it.
const AFTERMATH: Duration = Duration::from_secs(7);
/// Everybody ends within one call's patience.
const ENDING: Duration = Duration::from_secs(40);

pub struct Settings {
    pub seed: u64,
    pub length: Duration,
    pub allocators: usize,
    pub vms: usize,
    pub plan: Vec<Planned>,
    /// How long it may take after the last fault until nothing is under way.
    pub quiet_within: Duration,
}

pub async fn run(settings: &Settings, folder: &Path) -> Result<Evidence> {
    let recorder = Arc::new(Recorder::new(Clock::start()));
    let began = recorder.now();
    let world = World::start(folder, settings.allocators, Arc::clone(&recorder)).await?;
    let world = Arc::new(world);
    crate::plan::write(&settings.plan, &world.logs().join("plan.jsonl"))?;
    let (phase, looking) = watch::channel(Phase::Busy);
    let lab = ChaosLab {
        client: Client::new(world.front.port, Arc::clone(&recorder))?,
        phase: looking.clone(),
        vms: settings.vms,
    };
    let mut watching = JoinSet::new();
    for allocator in &world.allocators {
        let allocator = Arc::clone(allocator);
        watching.spawn(prober::probe(Arc::clone(&world), allocator, looking.clone()));
    }
    watching.spawn(prober::watch_pressure(Arc::clone(&world), looking.clone()));
    watching.spawn(sampler::sample(Arc::clone(&world), looking.clone()));
    first_vms(&lab).await?;

    let everybody = load::start(&world, &lab, settings.seed)?;
    let faults =
        tokio::spawn(faults::carry_out(Arc::clone(&world), settings.plan.clone(), looking.clone()));
    let busy_until = Instant::now() + settings.length;
    faults.await.context("the faults could not be carried out")?;
    tokio::time::sleep_until(busy_until).await;
    phase.send_replace(Phase::Calm);
    tokio::time::sleep(AFTERMATH).await;
    let quiet = until_quiet(&world, settings.quiet_within).await;
    phase.send_replace(Phase::Over);
    end(everybody).await;
    end(watching).await;
    if let Some(quiet) = quiet {
        say(&format!("quiet after {:.1} s", quiet.as_secs_f64()));
    } else {
        say(&format!("not quiet after {:.0} s", settings.quiet_within.as_secs_f64()));
    }

    let facts = facts::read(&world.postgres.connect().await?).await?;
    let machines = Machines::read(&world.scripts, &world.vms())?;
    world.stop_allocators().await?;
    world.postgres.stop().await?;
    let panics = panics(&world)?;
    let history = std::mem::take(&mut *recorder.history());
    Ok(Evidence { history, facts, machines, panics, began })
}

async fn first_vms(lab: &ChaosLab) -> Result<()> {
    let wish = json!({ "num_vms": lab.vms });
    lab.client.post(As::Organiser, "/api/launch", Body::Json(&wish)).await;
    eventually("a first VM", FIRST_VM, async || {
        let answer = lab.client.get(As::Nobody, "/api/unassigned_vms_count").await;
        let count = answer.and_then(|answer| answer.json()["count"].as_i64());
        if count.unwrap_or_default() > 0 {
            return Ok(Some(()));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(None)
    })
    .await
}

/// Waits until no operation is open, nobody waits for what is free, and every command was
/// carried out. Answers how long that took.
async fn until_quiet(world: &World, patience: Duration) -> Option<Duration> {
    let began = Instant::now();
    while began.elapsed() < patience {
        if let Ok(client) = world.postgres.connect().await
            && let Ok(facts) = facts::read(&client).await
            && is_quiet(&facts)
        {
            return Some(began.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    None
}

fn is_quiet(facts: &Facts) -> bool {
    let settled = facts.operations.iter().all(|operation| operation.finished.is_some());
    let waits = facts.places.iter().any(Place::waits);
    let free = facts.vms.iter().any(|vm| vm.free);
    let open = facts.claims.iter().filter(|claim| claim.released.is_none());
    let carried_out = open.clone().all(|it| !matches!(it.state.as_str(), "waiting" | "connecting"));
    settled && !(waits && free) && carried_out
}

async fn end(mut tasks: JoinSet<()>) {
    let all = async { while tasks.join_next().await.is_some() {} };
    if timeout(ENDING, all).await.is_err() {
        say("somebody did not come to an end, and is left");
    }
}

/// Lines of the logs of allocators and agents that tell of one.
fn panics(world: &World) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(world.logs())? {
        files.push(entry?.path());
    }
    for entry in fs::read_dir(world.vms())? {
        files.push(entry?.path().join("agent.log"));
    }
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|it| it == "log")) {
        let text = fs::read(file).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines = text.lines().filter(|line| line.contains("panicked"));
        let name = file.strip_prefix(&world.folder).unwrap_or(file).display();
        found.extend(lines.map(|line| format!("{name}: {line}")));
    }
    Ok(found)
}
