use std::{
    fs::{self, File},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use crate::{Caller, Deployment, eventually, programs};

/// From the start of the process to its first answer, a new cluster included.
const START: Duration = Duration::from_secs(30);
/// Draining takes 10 s at most, Terraform 8 s, VMs and Postgres a few.
const STOP: Duration = Duration::from_secs(30);

/// A running `lablink-allocator`.
pub struct Allocator {
    child: Child,
    port: u16,
    password: String,
}

impl Deployment {
    /// Starts an allocator and waits until it is ready.
    pub async fn start(&self) -> Result<Allocator> {
        self.start_program(&programs::built("lablink-allocator")?, self.port).await
    }

    /// The same with another program, or beside another allocator on a port of its own.
    pub async fn start_program(&self, program: &Path, port: u16) -> Result<Allocator> {
        Allocator::start(self, program, port).await
    }
}

impl Allocator {
    async fn start(deployment: &Deployment, program: &Path, port: u16) -> Result<Self> {
        let log = File::options().create(true).append(true).open(deployment.log_file())?;
        // The strictest umask that people have: what others must reach is opened on purpose.
        let child = Command::new("sh")
            .args(["-c", "umask 077; exec \"$0\" \"$@\""])
            .arg(program)
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--config"])
            .arg(deployment.config())
            .env_clear()
            .envs(std::env::var_os("HOME").map(|home| ("HOME", home)))
            .env("PATH", deployment.program_path()?)
            .env("ENVIRONMENT", "dev")
            .env("LABLINK_DATA_DIR", deployment.data_dir())
            .env("LABLINK_TERRAFORM_DIR", deployment.terraform_modules())
            .envs(deployment.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::from(OwnedFd::from(log.try_clone()?)))
            .stderr(Stdio::from(OwnedFd::from(log)))
            .spawn()?;
        let mut starting = Self { child, port, password: String::new() };
        starting.until_ready().await?;
        starting.password = deployment.admin_password()?;
        Ok(starting)
    }

    async fn until_ready(&mut self) -> Result<()> {
        let anybody = self.program()?;
        let ready = eventually("the allocator to be ready", START, async || {
            Ok((anybody.get("/readyz").await?.status == 200).then_some(()))
        });
        tokio::select! {
            ready = ready => ready,
            ended = self.child.wait() => {
                anyhow::bail!("the allocator ended at its start, with {}", ended?)
            }
        }
    }

    /// A program without a login.
    pub fn program(&self) -> Result<Caller> {
        Caller::program(self.port)
    }

    /// A participant's browser: keeps cookies and shows redirects.
    pub fn browser(&self) -> Result<Caller> {
        Caller::browser(self.port)
    }

    /// Somebody who holds this agent's token.
    pub fn bearer(&self, token: &str) -> Result<Caller> {
        Ok(self.program()?.with_token(token))
    }

    /// The organiser's scripts.
    pub fn organiser(&self) -> Result<Caller> {
        Ok(self.program()?.signed_in("admin", &self.password))
    }

    /// The organiser's browser.
    pub fn organisers_browser(&self) -> Result<Caller> {
        Ok(self.browser()?.signed_in("admin", &self.password))
    }

    /// Stops it as a service manager does, insists on exit status 0, and tells how long it took.
    pub async fn stop(mut self) -> Result<Duration> {
        let asked = Instant::now();
        kill(self.pid()?, Signal::SIGTERM)?;
        let status = timeout(STOP, self.child.wait()).await.context("it does not stop")??;
        ensure!(status.success(), "it stopped with {status}");
        Ok(asked.elapsed())
    }

    /// Has it read its configuration again.
    pub fn read_again(&self) -> Result<()> {
        Ok(kill(self.pid()?, Signal::SIGHUP)?)
    }

    /// Ends it in the middle of whatever it does, as a crash or the kernel would.
    pub async fn crash(mut self) -> Result<()> {
        kill(self.pid()?, Signal::SIGKILL)?;
        self.child.wait().await?;
        Ok(())
    }

    /// The most memory that it has had resident, in bytes, since it was last asked.
    pub fn peak_memory(&self) -> Result<u64> {
        let process = PathBuf::from(format!("/proc/{}", self.pid()?));
        let status = fs::read_to_string(process.join("status"))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = peak.and_then(|it| it.split_whitespace().next()).context("no VmHWM")?;
        fs::write(process.join("clear_refs"), "5")?;
        Ok(kilobytes.parse::<u64>()? * 1024)
    }

    /// Where it answers.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn pid(&self) -> Result<Pid> {
        let id = self.child.id().context("the allocator has ended")?;
        Ok(Pid::from_raw(id.try_into()?))
    }
}
