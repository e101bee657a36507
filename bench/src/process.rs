//! What the kernel says of a process (proc(5)).

use std::{fs, time::Duration};

use anyhow::{Context, Result};
use nix::sys::resource::{UsageWho, getrusage};

/// Resident memory, in megabytes.
pub fn megabytes(pid: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes * 1.024e-3)
}

/// Processor time so far, of this process alone.
pub fn processor_time(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").context("no fields")?;
    // User and system time are the 12th and 13th after the name, in hundredths of a second.
    let ticks: Vec<u64> =
        fields.split(' ').skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
    Ok(Duration::from_millis(ticks.iter().sum::<u64>() * 10))
}

/// Processor time so far of this program, which shares the cores with what it measures.
pub fn own_processor_time() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let times = [usage.user_time(), usage.system_time()];
    let microseconds: i64 = times.iter().map(|it| it.tv_sec() * 1_000_000 + it.tv_usec()).sum();
    Ok(Duration::from_micros(microseconds.unsigned_abs()))
}
