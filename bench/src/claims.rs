//! Claims over HTTP, beside pgbench with the statement that the allocator runs for them.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use tokio::{sync::Barrier, task::JoinSet};

use crate::{
    allocator::Allocator,
    lab::Lab,
    report::{Report, milliseconds, quantile},
};

const CLAIMS: u32 = 2_000;
const ROUNDS: usize = 3;
/// What an organiser's whole class sends in one instant.
const CLASS: u32 = 200;

pub async fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    let allocator = lab.allocator().await?;
    let script = script(lab, &allocator).await?;
    for at_once in [16, 64, 200] {
        let (mut raw, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            lab.fill(CLAIMS * 2).await?;
            raw.push(pgbench(lab, &script, at_once)?);
            lab.fill(CLAIMS * 2).await?;
            ours.push(claim_all(&allocator, at_once).await?);
        }
        let (raw, ours) = (median(&mut raw), median(&mut ours));
        let measured = format!("{ours:.0}/s of {raw:.0}/s: {:.2}; all distinct", ours / raw);
        let what = format!("claims, {at_once} at once");
        report.add(&what, "≥ 0.7 × pgbench", measured, ours / raw >= 0.7);
    }
    one_instant(lab, &allocator, report).await
}

fn median(rates: &mut [f64]) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// Claims one VM per person, and insists that every one got another VM. Claims per second.
async fn claim_all(allocator: &Allocator, at_once: u32) -> Result<f64> {
    let mut people = JoinSet::new();
    let each = CLAIMS / at_once;
    let start = Instant::now();
    for worker in 0..at_once {
        let mut connection = allocator.connect().await?;
        people.spawn(async move {
            let mut names = Vec::new();
            for nr in 0..each {
                let wish = wish(worker * each + nr);
                let answer = connection.post("/api/request_vm", "", &wish).await?.json()?;
                names.push(answer["hostname"].as_str().context("no hostname")?.to_owned());
            }
            Ok::<_, anyhow::Error>(names)
        });
    }
    let mut names = Vec::new();
    while let Some(got) = people.join_next().await {
        names.extend(got??);
    }
    let took = start.elapsed();
    let distinct: BTreeSet<&String> = names.iter().collect();
    ensure!(distinct.len() == names.len(), "two people have one VM");
    Ok(names.len() as f64 / took.as_secs_f64())
}

pub fn wish(person: u32) -> serde_json::Value {
    json!({
        "email": format!("person-{person}@example.org"),
        "crd_command": "start-host --code=\"4/0AX4XfWh\" --redirect-url=\"https://remotedesktop.google.com/_/oauthredirect\"",
    })
}

async fn one_instant(lab: &Lab, allocator: &Allocator, report: &mut Report) -> Result<()> {
    lab.fill(CLASS).await?;
    let gate = Arc::new(Barrier::new(CLASS as usize));
    let mut people = JoinSet::new();
    for person in 0..CLASS {
        let (mut connection, gate) = (allocator.connect().await?, Arc::clone(&gate));
        people.spawn(async move {
            gate.wait().await;
            let start = Instant::now();
            let answer = connection.post("/api/request_vm", "", &wish(person)).await?.json()?;
            let name = answer["hostname"].as_str().context("no hostname")?.to_owned();
            Ok::<_, anyhow::Error>((name, start.elapsed()))
        });
    }
    let (mut names, mut times) = (BTreeSet::new(), Vec::new());
    while let Some(got) = people.join_next().await {
        let (name, time) = got??;
        names.insert(name);
        times.push(time);
    }
    ensure!(names.len() == CLASS as usize, "two people have one VM");
    let slowest = quantile(&mut times, 1.0);
    let measured = format!("slowest {}, all distinct", milliseconds(slowest));
    report.add("200 claims in one instant", "< 1 s", measured, slowest < Duration::from_secs(1));
    Ok(())
}

/// A pgbench script of the statement by which the allocator has just claimed a VM.
async fn script(lab: &Lab, allocator: &Allocator) -> Result<PathBuf> {
    let pool = lab.fill(1).await?;
    allocator.connect().await?.post("/api/request_vm", "", &wish(0)).await?.json()?;
    let query = "select query from pg_stat_activity
                 where application_name = 'lablink' and query like 'with taken as%' limit 1";
    let row = lab.connect().await?.query_opt(query, &[]).await?;
    let mut statement: String = row.context("the claim's statement was not seen")?.try_get(0)?;
    // Those of two digits first: `$1` is a part of them. A request without a key has no values there.
    for (parameter, value) in [
        ("$12", "null::text"),
        ("$11", "null::bytea"),
        ("$10", "null::bytea"),
        ("$1", pool.to_string().as_str()),
        ("$2", "60.0::float8"),
        ("$3", "('p' || :client_id::text || '-' || :n::text || '@example.org')"),
        ("$4", "'4/0AX4XfWh'"),
        ("$5", "'123456'"),
        ("$6", "decode(md5(:n::text) || md5(:client_id::text || :n::text), 'hex')"),
        ("$7", "'participant'"),
        ("$8", "('p' || :client_id::text || '-' || :n::text || '@example.org')"),
        ("$9", "null::bytea"),
    ] {
        statement = statement.replace(parameter, value);
    }
    let path = lab.folder.path().join("claim.pgbench");
    std::fs::write(&path, format!("\\set n random(1, 1000000000000)\n{statement};\n"))?;
    Ok(path)
}

/// Transactions per second, with as many connections as the allocator's pool has at most.
fn pgbench(lab: &Lab, script: &Path, at_once: u32) -> Result<f64> {
    let (socket, port) = lab.address()?;
    let connections = at_once.min(16);
    let output = Command::new(program()?)
        .args(["--no-vacuum", "--protocol=prepared", "--jobs=2", "--username=lablink"])
        .arg(format!("--client={connections}"))
        .arg(format!("--transactions={}", CLAIMS / connections))
        .arg("--file")
        .arg(script)
        .arg("--host")
        .arg(socket)
        .args(["--port", &port.to_string(), "lablink_db"])
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let rate = said.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next());
    let wrong = || format!("pgbench: {said}{}", String::from_utf8_lossy(&output.stderr));
    Ok(rate.with_context(wrong)?.parse()?)
}

/// Debian keeps it beside the server.
fn program() -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")?.flatten();
    let found = versions.map(|it| it.path().join("bin/pgbench")).filter(|it| it.is_file()).max();
    found.context("pgbench is missing: it comes with Debian's package postgresql")
}
