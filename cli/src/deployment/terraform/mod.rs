//! Terraform's runs. Each is a process of its own session, whose output goes to a file: a run outlives
//! this program if that is killed, and the next call waits for its end.

mod message;
mod plan;
mod process;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

pub use plan::{Change, Plan, managed};

use self::{message::Messages, process::Run};
use crate::output::Progress;

/// A module, and the folder of what Terraform keeps for it.
pub struct Terraform {
    module: PathBuf,
    data: PathBuf,
}

/// Another run may hold the state's lock.
const LOCK_PATIENCE: &str = "-lock-timeout=5m";

impl Terraform {
    /// `data` exists.
    pub fn new(module: &Path, data: &Path) -> Result<Self> {
        let is_module = module.join("versions.tf").is_file() || module.join("main.tf").is_file();
        if !is_module {
            bail!(
                "{} is no folder of Terraform's: call lablink in LabLink's clone, or say --infra",
                module.display()
            );
        }
        Ok(Self { module: module.to_owned(), data: fs::canonicalize(data)? })
    }

    /// The key of the state that it was connected to last, in a bucket.
    pub fn connected_to(&self) -> Option<String> {
        let noted = fs::read_to_string(self.data.join("terraform.tfstate")).ok()?;
        let noted: Value = serde_json::from_str(&noted).ok()?;
        Some(noted["backend"]["config"]["key"].as_str()?.to_owned())
    }

    /// One of Terraform's commands that speaks JSON, to its end. Its errors become ours.
    pub async fn run(&self, words: &[&str], progress: &Progress) -> Result<()> {
        let mut run =
            Run::begin(&self.module, &self.data, words, &["-json", "-input=false"]).await?;
        let mut messages = Messages::default();
        let status = loop {
            let ended = run.look().await?;
            messages.take(&run.new_text()?, progress);
            if let Some(status) = ended {
                break status;
            }
        };
        run.was_not_interrupted()?;
        if status == 0 {
            return Ok(());
        }
        bail!("{}", messages.errors().unwrap_or_else(|| run.last_words()))
    }

    /// A command that locks the state.
    pub async fn change(&self, words: &[&str], progress: &Progress) -> Result<()> {
        let mut locking: Vec<&str> = words.to_vec();
        locking.insert(1, LOCK_PATIENCE);
        let ended = self.run(&locking, progress).await;
        let Err(error) = ended else { return Ok(()) };
        match message::left_lock(&format!("{error:#}"), &process::host_name()) {
            // A run of this machine that is none any more.
            Some(id) => {
                progress.says("Freeing the lock of a run that was killed");
                self.text(&["force-unlock", "-force", &id]).await?;
                self.run(&locking, progress).await
            }
            None => Err(error),
        }
    }

    /// What a quick command prints.
    pub async fn text(&self, words: &[&str]) -> Result<String> {
        let mut run = Run::begin(&self.module, &self.data, words, &[]).await?;
        let status = loop {
            if let Some(status) = run.look().await? {
                break status;
            }
        };
        run.was_not_interrupted()?;
        let text = run.new_text()?;
        if status == 0 { Ok(text) } else { bail!("terraform {}: {}", words[0], run.last_words()) }
    }

    pub async fn json(&self, words: &[&str]) -> Result<Value> {
        let text = self.text(words).await?;
        let what = || format!("terraform {} does not print JSON", words[0]);
        serde_json::from_str(&text).with_context(what)
    }

    /// The addresses of all that the state holds.
    pub async fn held(&self) -> Result<Vec<String>> {
        let text = self.text(&["state", "pull"]).await?;
        if text.trim().is_empty() {
            return Ok(Vec::new());
        }
        let state: Value = serde_json::from_str(&text).context("Terraform's state is no JSON")?;
        Ok(plan::managed(&state))
    }

    /// What this run would do, kept in a file for [`Self::apply`].
    pub async fn plan(&self, words: &[&str], progress: &Progress) -> Result<Plan> {
        let file = self.data.join("plan");
        let out = format!("-out={}", file.display());
        let mut planning = vec!["plan", out.as_str()];
        planning.extend(words);
        self.change(&planning, progress).await?;
        let shown = self.json(&["show", "-json", &file.to_string_lossy()]).await?;
        Ok(Plan::read(&shown))
    }

    /// Does what was planned last.
    pub async fn apply(&self, progress: &Progress) -> Result<()> {
        let file = self.data.join("plan");
        self.change(&["apply", &file.to_string_lossy()], progress).await
    }

    /// What the module tells of what it made.
    pub async fn output(&self, name: &str) -> Result<String> {
        let value = self.json(&["output", "-json"]).await?[name]["value"].clone();
        Ok(value.as_str().unwrap_or_default().to_owned())
    }
}
