//! kill -9 at moments that chance chooses: no machine is lost, doubled or unknown afterwards.
//!
//! A moment is a number of calls that AWS has had from the operation, so it is the same on a slow machine
//! and on a quick one. `LABLINK_SEED` repeats a run's choices.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use lablink_e2e::{Allocator, eventually};
use rand::{RngExt as _, SeedableRng, rngs::StdRng};
use serde_json::Value;

use crate::lab::{Lab, OURS, destroy_all, ends, replace};

/// For an operation to come so far.
const SOON: Duration = Duration::from_secs(300);
/// Whoever claims first has it to the end.
const KEEPER: &str = "ada@example.org";

#[tokio::test]
async fn what_is_killed_at_two_moments_loses_no_machine() -> Result<()> {
    kills(2).await
}

#[tokio::test]
#[ignore = "takes many minutes: make test-aws"]
async fn nor_does_what_is_killed_at_twenty_moments() -> Result<()> {
    kills(20).await
}

/// What ends in the middle.
#[derive(Clone, Copy, Debug)]
enum Victim {
    /// Its Terraform goes on.
    Allocator,
    Terraform,
    /// The allocator, Terraform with its providers, and the database.
    Host,
}

/// What is going on then.
#[derive(Clone, Debug)]
enum Work {
    Launch(u32),
    Replace(String),
    Destroy(String),
}

async fn kills(moments: u32) -> Result<()> {
    let Some(lab) = Lab::deployed(&[])? else { return Ok(()) };
    let seed = match std::env::var("LABLINK_SEED") {
        Ok(seed) => seed.parse()?,
        Err(_) => rand::random(),
    };
    eprintln!("LABLINK_SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let mut allocator = lab.deployment.start().await?;
    let before = lab.cloud.all_calls()?;
    ends(&allocator, allocator.launch(2).await?, "succeeded").await?;
    let usual = lab.cloud.all_calls()? - before;
    allocator.until_free(2).await?;
    let kept = allocator.claim(KEEPER, "4/abc").await?.hostname;
    let id = lab.instance(&kept)?;

    for moment in 1..=moments {
        let rows = allocator.vms().await?;
        let work = choose(&mut dice, &rows, &kept);
        let victim = [Victim::Allocator, Victim::Terraform, Victim::Host][dice.random_range(0..3)];
        let calls = dice.random_range(0..usual);
        eprintln!("{moment}: {work:?}, {victim:?} after {calls} of {usual} calls");
        let start = lab.cloud.all_calls()?;
        let operation = begin(&allocator, &work).await?;
        lab.until_called(&allocator, operation, start + calls).await?;
        allocator = lab.kill(allocator, operation, victim).await?;
        allocator.until_quiet().await?;
        let ended = allocator.until_ended(operation).await?;
        eprintln!("   {}: {}", ended["state"], ended["reason"]);
        ensure!(ended["conflict"].is_null(), "{ended}");
        // What could not be read at its end is read again.
        eventually("all machines to be known", SOON, async || {
            lab.all_are_accounted_for(&allocator).await.map(Some)
        })
        .await?;
        ensure!(lab.instance(&kept)? == id, "the VM that somebody has is another one");
    }

    destroy_all(&allocator).await?;
    lab.nothing_is_left()?;
    allocator.stop().await?;
    Ok(())
}

/// There are two VMs at least, and six at most, besides what goes on.
fn choose(dice: &mut StdRng, rows: &BTreeMap<String, Value>, kept: &str) -> Work {
    let others: Vec<&String> = rows.keys().filter(|name| *name != kept).collect();
    let one = |dice: &mut StdRng| others[dice.random_range(0..others.len())].clone();
    match (others.len(), dice.random_range(0..3)) {
        (0..2, _) | (2..6, 0) => Work::Launch(dice.random_range(1..=2)),
        (_, 1) => Work::Replace(one(dice)),
        _ => Work::Destroy(one(dice)),
    }
}

async fn begin(allocator: &Allocator, work: &Work) -> Result<i64> {
    match work {
        Work::Launch(count) => allocator.launch(*count).await,
        Work::Replace(name) => replace(allocator, name).await,
        Work::Destroy(name) => {
            let path = format!("/api/vms/{name}");
            let begun = allocator.organiser()?.delete(&path).await?.expect(202)?.json()?;
            begun["operation_id"].as_i64().context("no operation")
        }
    }
}

impl Lab {
    /// Until AWS had so many calls in all, or the operation is over.
    async fn until_called(
        &self,
        allocator: &Allocator,
        operation: i64,
        calls: usize,
    ) -> Result<()> {
        eventually("the moment to come", SOON, async || {
            let is_there = self.cloud.all_calls()? >= calls;
            Ok((is_there || is_over(allocator, operation).await?).then_some(()))
        })
        .await
    }

    /// Ends it, and gives the allocator that serves afterwards.
    async fn kill(
        &self,
        allocator: Allocator,
        operation: i64,
        victim: Victim,
    ) -> Result<Allocator> {
        match victim {
            Victim::Allocator => allocator.crash().await?,
            Victim::Terraform => {
                // It may be between two runs.
                eventually("a Terraform to be killed", SOON, async || {
                    let done = self.kill_terraform()? || is_over(&allocator, operation).await?;
                    Ok(done.then_some(()))
                })
                .await?;
                return Ok(allocator);
            }
            Victim::Host => {
                drop(allocator);
                self.deployment.lose_power()?;
            }
        }
        self.deployment.start().await
    }

    /// Each instance is the one of a row, and each row has its instance, unless it says what is wrong.
    async fn all_are_accounted_for(&self, allocator: &Allocator) -> Result<()> {
        let rows = allocator.vms().await?;
        let there = self.cloud.present(OURS.0, OURS.1)?;
        let there: BTreeSet<&str> =
            there.iter().filter_map(|it| it["InstanceId"].as_str()).collect();
        let id = |row: &'_ Value| row["instance"]["id"].as_str().unwrap_or_default().to_owned();
        // By what its operation left, or by what AWS says of a machine that is silent.
        let says_so = |row: &Value| row["status"] == "error" || row["finding"]["kind"] == "ended";
        let is_told_to_lack_it = |row: &&Value| says_so(row) && !there.contains(&*id(row));
        let known: Vec<String> =
            rows.values().filter(|row| !is_told_to_lack_it(row)).map(id).collect();
        let known: BTreeSet<&str> = known.iter().map(String::as_str).collect();
        ensure!(known == there, "rows have {known:?}, AWS has {there:?}: {rows:#?}");
        Ok(())
    }
}

async fn is_over(allocator: &Allocator, operation: i64) -> Result<bool> {
    let path = format!("/api/operations/{operation}");
    let told = allocator.organiser()?.get(&path).await?.expect(200)?.json()?;
    Ok(!told["finished_at"].is_null())
}
