use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use anyhow::Result;
use futures_util::future::join_all;
use lablink_e2e::crd_command;
use serde_json::json;
use tokio::time::Instant;

use crate::world::World;

/// How long a participant looks at what came before asking for more.
const PAUSE: Duration = Duration::from_secs(10);

/// How the participants fared: how long each answer took, in order, and what was no answer.
#[derive(Default)]
pub struct Fared {
    pub pages: Vec<Duration>,
    pub claims: Vec<Duration>,
    pub refused: Vec<String>,
}

static CLAIMS: AtomicU64 = AtomicU64::new(0);

/// This many participants load the form and claim, each again and again as another person.
pub async fn come(world: &World, count: usize, time: Duration) -> Result<Fared> {
    let end = Instant::now() + time;
    let each = join_all((0..count).map(|nr| {
        // Not all in the same moment.
        let begin = PAUSE.min(time).mul_f64(nr as f64 / count as f64);
        one(world, begin, end)
    }));
    let mut all = Fared::default();
    for fared in each.await {
        all.pages.extend(fared.pages);
        all.claims.extend(fared.claims);
        all.refused.extend(fared.refused);
    }
    all.pages.sort_unstable();
    all.claims.sort_unstable();
    Ok(all)
}

async fn one(world: &World, begin: Duration, end: Instant) -> Fared {
    let mut fared = Fared::default();
    tokio::time::sleep(begin).await;
    while Instant::now() < end {
        let asked = Instant::now();
        match world.participant.get("/").await {
            Ok(page) if page.status == 200 => fared.pages.push(asked.elapsed()),
            other => fared.refused.push(format!("page: {}", told(other))),
        }
        let person = CLAIMS.fetch_add(1, Relaxed);
        let wish = json!({
            "email": format!("person-{person}@example.org"),
            "crd_command": crd_command(&format!("4/{person}")),
        });
        let asked = Instant::now();
        match world.participant.post_json("/api/request_vm", &wish).await {
            Ok(claim) if claim.status == 201 => fared.claims.push(asked.elapsed()),
            other => fared.refused.push(format!("claim: {}", told(other))),
        }
        tokio::time::sleep(PAUSE.min(end.saturating_duration_since(Instant::now()))).await;
    }
    fared
}

fn told(answer: Result<lablink_e2e::Answer>) -> String {
    match answer {
        Ok(answer) => format!("{} {}", answer.status, answer.body),
        Err(error) => format!("{error:#}"),
    }
}
