use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use lablink_e2e::eventually;
use tokio::{process::Child, time::timeout};

/// One of the client's programs.
pub struct Program {
    pub child: Child,
    pub log: PathBuf,
    /// Longer than any of its pauses.
    pub patience: Duration,
}

impl Program {
    pub fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(&self.log)?)
    }

    pub async fn says(&self, text: &str) -> Result<()> {
        self.says_times(text, 1).await
    }

    pub async fn says_times(&self, text: &str, times: usize) -> Result<()> {
        eventually(&format!("it to say '{text}'"), self.patience, async || {
            Ok((self.log()?.matches(text).count() >= times).then_some(()))
        })
        .await
    }

    /// Waits until it ends by itself, and insists that it was content.
    pub async fn ends(&mut self) -> Result<()> {
        let status = timeout(self.patience, self.child.wait()).await.context("it goes on")??;
        ensure!(status.success(), "it ended with {status}");
        Ok(())
    }

    pub async fn kill(&mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // The test runner shows it for tests that fail.
        eprintln!("--- {}\n{}", self.log.display(), self.log().unwrap_or_default());
    }
}
