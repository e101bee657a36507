use std::{fs, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context, Result};

use super::script::Script;
use crate::{
    lab::BenchLab,
    stats::{milliseconds, quantile},
};

/// The settings of the allocator's own connections that plans depend on.
const SESSION: &str = "-c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c jit=off \
                       -c max_parallel_workers_per_gather=0";

/// A turn of one of those that claim: claims per second, the 99th percentile in ms.
#[derive(Clone, Copy)]
pub struct Turn {
    pub rate: f64,
    pub p99: f64,
}

/// A run of Postgres's own measuring program, with prepared statements.
pub struct Pgbench<'a> {
    pub lab: &'a BenchLab,
    pub script: &'a Script,
    pub connections: u32,
    /// In all.
    pub transactions: u32,
}

impl Pgbench<'_> {
    /// The transactions of one connection.
    pub fn each(&self) -> i64 {
        i64::from((self.transactions / self.connections).max(1))
    }

    pub fn run(&self) -> Result<Turn> {
        let (socket, port) = self.lab.address()?;
        let log = tempfile::tempdir()?;
        let output = Command::new(program()?)
            .current_dir(log.path())
            .env("PGOPTIONS", SESSION)
            .args(["--no-vacuum", "--protocol=prepared", "--log", "--username=lablink"])
            .arg(format!("--client={}", self.connections))
            .arg(format!("--transactions={}", self.each()))
            .arg("--file")
            .arg(self.script.path())
            .arg("--host")
            .arg(socket)
            .args(["--port", &port.to_string(), "lablink_db"])
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next());
        let wrong = || format!("pgbench: {said}{}", String::from_utf8_lossy(&output.stderr));
        let rate = rate.with_context(wrong)?.parse()?;
        let mut times = Vec::new();
        for file in fs::read_dir(log.path())? {
            times.extend(fs::read_to_string(file?.path())?.lines().filter_map(time));
        }
        Ok(Turn { rate, p99: milliseconds(quantile(&mut times, 0.99)) })
    }
}

/// The third word of a line of pgbench's log: microseconds.
fn time(line: &str) -> Option<Duration> {
    Some(Duration::from_micros(line.split(' ').nth(2)?.parse().ok()?))
}

/// Debian keeps it beside the server.
fn program() -> Result<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql")?.flatten();
    let found = versions.map(|it| it.path().join("bin/pgbench")).filter(|it| it.is_file()).max();
    found.context("pgbench is missing: it comes with Debian's package postgresql")
}
