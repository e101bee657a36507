//! The way up and down, cut off at ten points and called again.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::cloud::Stage;

const PATIENCE: Duration = Duration::from_mins(4);

/// How a call is cut off.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// By Ctrl-C: its Terraform ends what it has begun.
    Asked,
    /// Its Terraform goes on.
    Killed,
}

#[tokio::test]
#[ignore = "minutes: make test-deployment"]
async fn what_is_cut_off_at_ten_points_goes_on_when_it_is_called_again() -> Result<()> {
    let Some(mut stage) = Stage::new()? else { return Ok(()) };
    stage.write_config()?;
    let setup = ["setup", "--environment", "test", "--yes", "--json"];
    stage.goes_on(&setup, &[(Cut::Asked, 2), (Cut::Killed, 8)]).await?;
    stage.deploys();
    let deploy = stage.words(&["deploy", "--yes", "--wait", "120", "--json"]);
    let points = [(Cut::Killed, 20), (Cut::Asked, 60), (Cut::Killed, 100), (Cut::Asked, 140)];
    stage.goes_on(&deploy, &points).await?;
    let again = stage.lablink.call(&deploy).await?.well()?.json()?;
    assert_eq!(again["changes"], json!([]), "{again}");
    assert_eq!(stage.lablink.json(&["launch", "2"]).await?["state"], "succeeded");
    let destroy = stage.words(&["destroy", "--name", "test", "--json"]);
    let points = [(Cut::Asked, 10), (Cut::Killed, 40), (Cut::Asked, 60), (Cut::Killed, 80)];
    stage.goes_on(&destroy, &points).await?;
    for maker in ["lablink-allocator", "lablink-infra"] {
        assert_eq!(stage.left_of(maker)?, [""; 0], "{maker}");
    }
    let left = stage.lablink.json(&stage.words(&["cleanup", "--check"])).await?;
    let left = left["left"].as_array().context("no list")?;
    assert!(left.iter().all(|it| it["kind"] == "snapshot"), "{left:?}");
    Ok(())
}

impl Stage {
    /// Cuts the call off at each of these points, and lets it end well then.
    async fn goes_on(&self, words: &[&str], points: &[(Cut, usize)]) -> Result<()> {
        for (cut, calls) in points {
            eprintln!("{}: {cut:?} after {calls} calls", words[0]);
            self.cut_off(words, *cut, *calls).await?;
        }
        self.lablink.call(words).await?.well().map(drop)
    }

    /// `calls`: of AWS, since it began.
    async fn cut_off(&self, words: &[&str], cut: Cut, calls: usize) -> Result<()> {
        let point = self.calls()? + calls;
        let mut child = self.lablink.command(words)?.spawn()?;
        let comes = async {
            while self.calls()? < point {
                ensure!(child.try_wait()?.is_none(), "it ended before {calls} calls");
                sleep(Duration::from_millis(20)).await;
            }
            anyhow::Ok(())
        };
        timeout(PATIENCE, comes).await.context("the point does not come")??;
        let signal = match cut {
            Cut::Asked => Signal::SIGINT,
            Cut::Killed => Signal::SIGKILL,
        };
        let pid = i32::try_from(child.id().context("it has ended")?)?;
        kill(Pid::from_raw(pid), signal)?;
        let ended = timeout(PATIENCE, child.wait()).await.context("it does not end")??;
        ensure!(!ended.success(), "{ended}");
        Ok(())
    }
}
