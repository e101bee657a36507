use anyhow::Result;
use clap::Args;
use lablink_protocol::organisers::{PoolBody, StartList, UsageList};
use serde::Serialize;

use super::status::counts;
use crate::{output::Output, server::Connection};

#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  lablink stats
  lablink stats --json | jq .use.hours_claimed")]
pub struct Stats {}

#[derive(Serialize)]
struct Told {
    pool: PoolBody,
    starts: Starts,
    r#use: Use,
}

/// How long the newest VMs took, from the wish to the first sign of their agents.
#[derive(Serialize)]
struct Starts {
    count: usize,
    median_seconds: Option<f64>,
    slowest_seconds: Option<f64>,
}

/// The last week.
#[derive(Serialize)]
struct Use {
    hours_claimed: f64,
    hours_in_use: f64,
    most_claimed: i64,
}

impl Stats {
    pub async fn run(self, connection: &Connection, output: &Output) -> Result<()> {
        let server = connection.open()?;
        let pool = server.get("/api/pool").await?;
        let starts: StartList = server.get("/api/starts").await?;
        let usage: UsageList = server.get("/api/usage").await?;
        let told = Told { pool, starts: Starts::of(&starts), r#use: Use::of(&usage) };
        output.answer(&told, text)
    }
}

impl Starts {
    fn of(list: &StartList) -> Self {
        let waits = list.starts.iter().filter_map(|start| Some((start.ready_at?, start.asked_at)));
        let mut seconds: Vec<f64> =
            waits.map(|(ready, asked)| ready.duration_since(asked).as_secs_f64()).collect();
        seconds.sort_by(f64::total_cmp);
        Self {
            count: seconds.len(),
            median_seconds: seconds.get(seconds.len() / 2).copied(),
            slowest_seconds: seconds.last().copied(),
        }
    }
}

impl Use {
    fn of(list: &UsageList) -> Self {
        let hours = |count: fn(&lablink_protocol::organisers::UsageSample) -> i64| {
            let sum: i64 = list.samples.iter().map(count).sum();
            let seconds = sum * list.step_seconds;
            f64::from(u32::try_from(seconds).unwrap_or(u32::MAX)) / 3600.0
        };
        Self {
            hours_claimed: hours(|sample| sample.claimed),
            hours_in_use: hours(|sample| sample.in_use),
            most_claimed: list.samples.iter().map(|sample| sample.claimed).max().unwrap_or(0),
        }
    }
}

fn text(told: &Told) -> String {
    let starts = match told.starts.median_seconds.zip(told.starts.slowest_seconds) {
        None => "No VM has come up yet.".to_owned(),
        Some((median, slowest)) => format!(
            "{} starts: half of them took less than {median:.0} s, the slowest {slowest:.0} s.",
            told.starts.count
        ),
    };
    let Use { hours_claimed, hours_in_use, most_claimed } = &told.r#use;
    format!(
        "{}\n\n{starts}\nLast week: {hours_claimed:.1} machine-hours claimed, {hours_in_use:.1} in \
         use, at most {most_claimed} VMs claimed at once.",
        counts(&told.pool)
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn starts_and_use_are_summed_up() {
        let start = |seconds: i64| {
            json!({ "hostname": "vm-1", "asked_at": "2026-03-01T09:00:00Z", "seconds": null,
                    "ready_at": format!("2026-03-01T09:00:{seconds:02}Z"),
                    "provisioning_seconds": null, "cloud_init_seconds": null,
                    "container_seconds": null, "image_pull_seconds": null })
        };
        let list = json!({ "starts": [start(40), start(10), start(20)] });
        let starts = Starts::of(&from_value(list).unwrap());
        assert_eq!((starts.median_seconds, starts.slowest_seconds), (Some(20.0), Some(40.0)));

        let sample = json!({ "at": "2026-03-01T09:00:00Z", "claimed": 4, "in_use": 1,
                             "healthy": 0, "degraded": 0, "unhealthy": 0 });
        let list = json!({ "step_seconds": 900, "samples": [sample, sample] });
        let used = Use::of(&from_value(list).unwrap());
        assert_eq!((used.hours_claimed, used.hours_in_use, used.most_claimed), (2.0, 0.5, 4));
    }
}
