use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::{Process, eventually, processes_of};

/// How long a claimed VM may take until its remote desktop program has been started: the agent
/// hears at once, but the machine may be busy.
const START: Duration = Duration::from_secs(15);

/// The folder that stands for one local VM.
pub struct Machine {
    pub hostname: String,
    pub folder: PathBuf,
}

/// What the stand-in for Chrome Remote Desktop was given.
#[derive(Debug, PartialEq, Eq, Deserialize)]
pub struct Record {
    pub arguments: Vec<String>,
    pub pin: String,
    pub pid: i32,
}

impl Machine {
    /// Waits until the remote desktop program has been started with this code, and checks
    /// everything else that it was given.
    pub async fn has_connected(&self, code: &str, pin: &str) -> Result<Record> {
        let wanted = format!("--code={code}");
        let what = format!("{} to start the remote desktop with its code", self.hostname);
        let record = eventually(&what, START, async || {
            Ok(Some(self.record()?).filter(|record| record.arguments.contains(&wanted)))
        });
        let record = record.await?;
        let expected = [
            wanted,
            "--redirect-url=https://remotedesktop.google.com/_/oauthredirect".to_owned(),
            format!("--name={}", self.hostname),
        ];
        ensure!(record.arguments == expected, "other arguments: {:?}", record.arguments);
        ensure!(record.pin == pin, "another PIN than the participant's");
        Ok(record)
    }

    fn record(&self) -> Result<Record> {
        let text = fs::read(self.folder.join("home/remote-desktop-record.json"))?;
        Ok(serde_json::from_slice(&text)?)
    }

    /// Where the agent keeps its own token.
    pub fn agent_token_file(&self) -> PathBuf {
        self.folder.join("state/agent-token")
    }

    /// The agent's process, as it is noted in the folder.
    pub fn agent(&self) -> Result<Process> {
        let noted = fs::read_to_string(self.folder.join("agent.pid"))?;
        let pid: i32 = noted.split(' ').next().unwrap_or_default().parse()?;
        let mut running = processes_of(&self.folder)?.into_iter();
        running
            .find(|process| process.pid == pid)
            .with_context(|| format!("the agent of {} does not run", self.hostname))
    }

    /// One whose folder has its hostname as name and lies in `vms`.
    pub fn in_folder(vms: &Path, hostname: &str) -> Self {
        Self { hostname: hostname.to_owned(), folder: vms.join(hostname) }
    }
}
