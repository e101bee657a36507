use std::{
    io::{self, Write},
    process::ExitCode,
};

use lablink_protocol::GpuHealth;

use crate::gpu::{Card, Look, Monitor, Reading, Sources};

pub async fn check(sources: Sources) -> anyhow::Result<ExitCode> {
    let look = Monitor::new(sources).look().await;
    write(&mut io::stdout().lock(), &look)?;
    Ok(match look.verdict.health {
        GpuHealth::Healthy | GpuHealth::Degraded | GpuHealth::None => ExitCode::SUCCESS,
        GpuHealth::Unhealthy => ExitCode::FAILURE,
    })
}

fn write(out: &mut impl Write, look: &Look) -> io::Result<()> {
    if let Some(version) = &look.driver {
        writeln!(out, "NVIDIA driver {version}")?;
    }
    for card in &look.cards {
        write_card(out, card)?;
    }
    match look.verdict.health {
        GpuHealth::None => writeln!(out, "none: this machine has no NVIDIA GPU"),
        health => writeln!(out, "{}", health.as_str()),
    }?;
    for reason in &look.verdict.reasons {
        writeln!(out, "  {reason}")?;
    }
    Ok(())
}

fn write_card(out: &mut impl Write, card: &Card) -> io::Result<()> {
    match card.identity.value() {
        Some(identity) => {
            writeln!(out, "GPU {}: {} at {}", card.index, identity.name, identity.address)?;
        }
        None => writeln!(out, "GPU {}", card.index)?,
    }
    row(out, "temperature", &card.temperature, |it| match it.slowdown {
        Some(limit) => format!("{} °C of {limit} °C", it.now),
        None => format!("{} °C", it.now),
    })?;
    row(out, "memory", &card.memory, |it| {
        format!("{} of {} MiB used", mib(it.used), mib(it.total))
    })?;
    row(out, "utilisation", &card.utilization, |percent| format!("{percent} %"))?;
    row(out, "power", &card.power, |milliwatts| format!("{} W", milliwatts / 1000))?;
    row(out, "memory errors", &card.ecc, |it| {
        format!("{} corrected, {} not", it.corrected, it.uncorrected)
    })?;
    row(out, "bad memory", &card.rows, |it| match (it.failed, it.pending) {
        (true, _) => "can't be replaced".to_owned(),
        (false, true) => "is replaced at the next restart".to_owned(),
        (false, false) => "none waits to be replaced".to_owned(),
    })?;
    row(out, "clock limits", &card.throttle, |reasons| {
        let names: Vec<_> = reasons.iter_names().map(|(name, _)| name).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    })?;
    row(out, "recovery", &card.recovery, |action| format!("{action:?}"))
}

fn mib(bytes: u64) -> u64 {
    bytes / (1024 * 1024)
}

fn row<T>(
    out: &mut impl Write,
    name: &str,
    reading: &Reading<T>,
    words: impl Fn(&T) -> String,
) -> io::Result<()> {
    let text = match reading {
        Reading::Value(value) => words(value),
        Reading::Unsupported => "not told by this GPU or driver".to_owned(),
        Reading::Lost => "the GPU has fallen off the bus".to_owned(),
        Reading::ResetRequired => "the GPU needs a reset".to_owned(),
        Reading::Failed(error) => format!("failed: {error}"),
        Reading::Hung => "no answer".to_owned(),
    };
    writeln!(out, "  {name:<14}{text}")
}
