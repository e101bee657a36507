//! Whether the allocator of a deployment answers.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use reqwest::Client;
use tokio::time::sleep;

use super::{Deployment, terraform::Terraform};
use crate::output::Output;

const BETWEEN: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(10);
/// Of its log, where it does not come up.
const LAST_LINES: u32 = 20;

/// Waits until it is ready; else fails, with the last lines of its log.
pub async fn wait(
    deployment: &Deployment,
    terraform: &Terraform,
    url: &str,
    seconds: u64,
    output: &Output,
) -> Result<()> {
    let http = Client::builder().timeout(ANSWER).build()?;
    let deadline = Instant::now() + Duration::from_secs(seconds);
    let progress = output.progress(&format!("Waiting for {url}/readyz"));
    loop {
        let why = match http.get(format!("{url}/readyz")).send().await {
            Ok(answer) if answer.status().is_success() => return Ok(()),
            Ok(answer) => format!("it answers {}", answer.status()),
            Err(error) => format!("{:#}", anyhow::Error::from(error.without_url())),
        };
        if Instant::now() > deadline {
            drop(progress);
            let log = last_lines(deployment, terraform).await;
            bail!("the allocator at {url} is not ready after {seconds} s: {why}.\n{log}");
        }
        sleep(BETWEEN).await;
    }
}

/// From where there are any; else why there are none.
async fn last_lines(deployment: &Deployment, terraform: &Terraform) -> String {
    let group = format!("lablink-allocator-{}", deployment.settings.name);
    match deployment.aws.last_log_lines(&group, LAST_LINES).await {
        Ok(lines) if !lines.is_empty() => {
            return format!("Its last lines, in the log group {group}:\n{}", lines.join("\n"));
        }
        Ok(_) => {}
        Err(error) => return format!("Its log can't be read: {error}"),
    }
    let host = terraform.output("instance_id").await.unwrap_or_default();
    let console = deployment.aws.console(&host).await.unwrap_or_default();
    let lines: Vec<&str> = console.lines().collect();
    let count = usize::try_from(LAST_LINES).unwrap_or(usize::MAX);
    let last = lines[lines.len().saturating_sub(count)..].join("\n");
    format!("It has written no log. The end of the console of its host {host}:\n{last}")
}
