use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Output, Stdio},
};

use anyhow::{Context, Result, ensure};
use lablink_e2e::{Allocator, Deployment, programs};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, process::Command};

/// The program, with a home and a credential file of its own.
pub struct Lablink {
    home: TempDir,
    folder: Option<PathBuf>,
    variables: Vec<(String, OsString)>,
}

/// How a call ended.
#[derive(Debug)]
pub struct Said {
    pub status: i32,
    pub out: String,
    pub err: String,
}

impl Lablink {
    pub fn new() -> Result<Self> {
        Ok(Self { home: tempfile::tempdir()?, folder: None, variables: Vec::new() })
    }

    /// Logged in to this allocator.
    pub async fn at(allocator: &Allocator, deployment: &Deployment) -> Result<Self> {
        let it = Self::new()?;
        let password = deployment.admin_password()?;
        it.fed(&["login", &allocator.url("")], &password).await?.well()?;
        Ok(it)
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn credentials(&self) -> PathBuf {
        self.home().join(".config/lablink/credentials.json")
    }

    /// Calls from now on are made in this folder.
    pub fn work_in(&mut self, folder: &Path) {
        self.folder = Some(folder.to_owned());
    }

    /// Calls from now on have this variable as well.
    pub fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.variables.push((name.to_owned(), value.into()));
    }

    pub fn command(&self, words: &[&str]) -> Result<Command> {
        let mut command = Command::new(programs::built("lablink")?);
        command
            .args(words)
            .current_dir(self.folder.as_deref().unwrap_or(self.home()))
            .env_clear()
            .env("HOME", self.home())
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        Ok(command)
    }

    /// The same on a terminal of its own, whose other end are its standard input and output.
    pub fn on_terminal(&self, words: &[&str], width: u32, height: u32) -> Result<Command> {
        let program = programs::built("lablink")?;
        let line =
            format!("stty cols {width} rows {height}; '{}' {}", program.display(), words.join(" "));
        let mut command = self.command(&[])?;
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
        script.current_dir(command.as_std().get_current_dir().unwrap_or(self.home())).env_clear();
        for (name, value) in command.as_std_mut().get_envs() {
            script.env(name, value.unwrap_or_default());
        }
        script.env("TERM", "xterm-256color").kill_on_drop(true);
        Ok(script)
    }

    pub async fn call(&self, words: &[&str]) -> Result<Said> {
        Ok(Said::from(self.command(words)?.output().await?))
    }

    /// With this text as its standard input.
    pub async fn fed(&self, words: &[&str], input: &str) -> Result<Said> {
        let mut command = self.command(words)?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let mut stdin = child.stdin.take().context("no standard input")?;
        stdin.write_all(input.as_bytes()).await?;
        drop(stdin);
        Ok(Said::from(child.wait_with_output().await?))
    }

    /// What it answers with `--json`, where it goes well.
    pub async fn json(&self, words: &[&str]) -> Result<Value> {
        self.call(&[words, &["--json"]].concat()).await?.well()?.json()
    }

    /// Its file of logins, word for word.
    pub fn stored(&self) -> Result<String> {
        Ok(fs::read_to_string(self.credentials())?)
    }
}

impl From<Output> for Said {
    fn from(ended: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Self {
            status: ended.status.code().unwrap_or(-1),
            out: text(ended.stdout),
            err: text(ended.stderr),
        }
    }
}

impl Said {
    /// Itself, if it ended with 0.
    pub fn well(self) -> Result<Self> {
        self.ends(0)
    }

    /// Itself, if it ended with this status.
    pub fn ends(self, status: i32) -> Result<Self> {
        ensure!(self.status == status, "{self:#?}");
        Ok(self)
    }

    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.out).with_context(|| format!("no JSON: {self:?}"))
    }
}
