//! A pool of real agents across restarts of their allocator: every claim reaches its VM, and is run
//! there exactly once. `make soak` runs it with five hundred.

use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use lablink_e2e::{Allocator, Caller, Claimed, Deployment, crd_command, eventually};
use serde_json::{Value, json};
use tokio::task::{JoinSet, LocalSet};

const RESTARTS: u32 = 3;

#[tokio::test]
async fn a_small_pool_loses_no_claim_across_three_restarts() -> Result<()> {
    LocalSet::new().run_until(soak(8, Duration::from_secs(60))).await
}

#[tokio::test]
#[ignore = "takes ten minutes and 5 GB of memory"]
async fn five_hundred_agents_lose_no_claim_across_three_restarts() -> Result<()> {
    LocalSet::new().run_until(soak(500, Duration::from_secs(600))).await
}

/// Claims all of `count` VMs in four waves; the allocator is killed, stopped and killed again in
/// the midst of the first three.
async fn soak(count: u32, patience: Duration) -> Result<()> {
    let began = Instant::now();
    let deployment = Deployment::with_config(&format!(
        "provider: local\ndesktop: chrome-remote-desktop\nlocal: {{ warm: 0 }}\n\
         limits: {{ max_vms: {count}, form_per_address: 0 }}\n"
    ))?;
    let mut allocator = deployment.start().await?;
    allocator.launch(count).await?;
    let free = async |wanted: i64| {
        eventually("all VMs to be free", patience, async || {
            Ok((allocator.free_count().await? == wanted).then_some(()))
        })
        .await
    };
    free(i64::from(count)).await?;
    eprintln!("{count} agents wait after {:.0?}", began.elapsed());

    let mut claimed = Vec::new();
    for wave in 0..=RESTARTS {
        let persons = (count * wave / (RESTARTS + 1))..(count * (wave + 1) / (RESTARTS + 1));
        let claims = claim_all(&allocator, persons, patience)?;
        if wave < RESTARTS {
            // Some claims are through by then, and some are on their way.
            tokio::time::sleep(Duration::from_millis(50)).await;
            if wave % 2 == 0 {
                allocator.crash().await?;
            } else {
                allocator.stop().await?;
            }
            allocator = deployment.start().await?;
        }
        claimed.extend(claims.join_all().await.into_iter().collect::<Result<Vec<_>>>()?);
        eprintln!("wave {wave}: {} claimed after {:.0?}", claimed.len(), began.elapsed());
    }

    let machines: BTreeSet<&String> = claimed.iter().map(|(_, it)| &it.hostname).collect();
    ensure!(machines.len() == claimed.len(), "a VM was handed out twice");
    eventually("every VM to be connected", patience, async || {
        Ok((connected(&allocator.organiser()?).await? == count as usize).then_some(()))
    })
    .await?;
    eprintln!("all connected after {:.0?}", began.elapsed());
    for (code, claim) in &claimed {
        let machine = deployment.machine(&claim.hostname);
        machine.has_connected(code, &claim.pin).await?;
        let log = fs::read_to_string(machine.folder.join("agent.log"))?;
        let starts = log.lines().filter(|line| line.contains(" claimed claim.id=")).count();
        ensure!(starts == 1, "{} started {starts} times:\n{log}", claim.hostname);
    }
    allocator.stop().await?;
    Ok(())
}

/// Each person insists, as a participant does who sees an error page.
fn claim_all(
    allocator: &Allocator,
    persons: std::ops::Range<u32>,
    patience: Duration,
) -> Result<JoinSet<Result<(String, Claimed)>>> {
    let mut claims = JoinSet::new();
    for person in persons {
        let caller = allocator.program()?;
        claims.spawn_local(async move {
            let code = format!("4/code-{person}");
            let wish = json!({
                "email": format!("person-{person}@example.org"), "crd_command": crd_command(&code),
            });
            let claim = eventually("a claim", patience, async || {
                let claimed = claim(&caller, &wish).await;
                if claimed.is_err() {
                    // Nobody presses a button fifty times a second.
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                claimed.map(Some)
            });
            Ok((code, claim.await?))
        });
    }
    Ok(claims)
}

async fn claim(caller: &Caller, wish: &Value) -> Result<Claimed> {
    let answer = caller.post_json("/api/request_vm", wish).await?;
    ensure!(matches!(answer.status, 200 | 201), "{}: {}", answer.status, answer.body);
    Claimed::read(&answer.json()?)
}

/// How many VMs have a claim that is connected, over all pages of the list.
async fn connected(organiser: &Caller) -> Result<usize> {
    let mut count = 0;
    let mut next = String::new();
    loop {
        let page =
            organiser.get(&format!("/api/vms?limit=200{next}")).await?.expect(200)?.json()?;
        let vms = page["vms"].as_array().context("no list of VMs")?;
        let is_connected = |vm: &&Value| vm["claim"]["state"] == "connected";
        count += vms.iter().filter(is_connected).count();
        match page["next"].as_str() {
            Some(cursor) => next = format!("&after={cursor}"),
            None => return Ok(count),
        }
    }
}
