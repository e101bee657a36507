use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::{
    allocator::Allocator,
    connection::{Answer, Request},
    process::own_processor_time,
    stats::quantile,
};

/// Nobody asks any more after this, so that slow claims don't take minutes.
const LONGEST: Duration = Duration::from_secs(5);

/// People who claim a VM each, so many at once: who has an answer makes room for the next.
pub struct Crowd {
    at_once: u32,
    requests: Vec<Request>,
}

pub struct Claimed {
    times: Vec<Duration>,
    took: Duration,
    /// Processor time of this program, and of the allocator.
    pub processor: [Duration; 2],
}

/// What a person sends, as a program would.
pub fn wish(person: &str) -> Value {
    json!({
        "email": format!("{person}@example.org"),
        "crd_command": "start-host --code=\"4/0AX4XfWh\" --redirect-url=\"https://remotedesktop.google.com/_/oauthredirect\"",
    })
}

impl Crowd {
    pub fn of(at_once: u32, people: u32) -> Self {
        Self::named("person", at_once, people)
    }

    /// People whose names begin with `name`, who are others than those of another name.
    pub fn named(name: &str, at_once: u32, people: u32) -> Self {
        let request = |nr| Request::post("/api/request_vm", "", &wish(&format!("{name}-{nr}")));
        Self { at_once, requests: (0..people).map(request).collect() }
    }

    /// Insists that everyone who asked got a VM, and everyone another one.
    pub async fn claim(self, allocator: &Allocator) -> Result<Claimed> {
        let mut connections = Vec::new();
        for _ in 0..self.at_once {
            connections.push(allocator.connect().await?);
        }
        let (requests, next) = (Arc::new(self.requests), Arc::new(AtomicUsize::new(0)));
        let mut people = JoinSet::new();
        let spent = || Ok::<_, anyhow::Error>([own_processor_time()?, allocator.processor_time()?]);
        let before = spent()?;
        let start = Instant::now();
        for mut connection in connections {
            let (requests, next) = (Arc::clone(&requests), Arc::clone(&next));
            people.spawn(async move {
                let mut answers: Vec<(Duration, Answer)> = Vec::new();
                while let Some(request) = requests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let asked = Instant::now();
                    if asked - start > LONGEST {
                        break;
                    }
                    let answer = connection.ask(request).await?;
                    answers.push((asked.elapsed(), answer));
                }
                Ok::<_, anyhow::Error>(answers)
            });
        }
        let mut answers = Vec::new();
        while let Some(got) = people.join_next().await {
            answers.extend(got??);
        }
        let (took, after) = (start.elapsed(), spent()?);
        let mut names = BTreeSet::new();
        for (_, answer) in &answers {
            let answer = answer.json()?;
            names.insert(answer["hostname"].as_str().context("no hostname")?.to_owned());
        }
        ensure!(names.len() == answers.len(), "two people have one VM");
        let times = answers.into_iter().map(|(time, _)| time).collect();
        let processor = [after[0] - before[0], after[1] - before[1]];
        Ok(Claimed { times, took, processor })
    }
}

impl Claimed {
    pub fn claims(&self) -> u32 {
        u32::try_from(self.times.len()).unwrap_or(u32::MAX)
    }

    /// Claims per second.
    pub fn rate(&self) -> f64 {
        self.times.len() as f64 / self.took.as_secs_f64()
    }

    /// How long the given share of the claims took at most.
    pub fn quantile(&self, share: f64) -> Duration {
        quantile(&mut self.times.clone(), share)
    }
}
