use std::{
    fs::File,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use lablink_e2e::free_port;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    process::{Child, Command},
    sync::{Mutex, MutexGuard},
    time::timeout,
};

use super::{ADMIN_PASSWORD, Proxy};
use crate::{
    clock::At,
    history::{Exit, Recorder, Why},
};

/// How long one that was asked to stop may take before it is killed, so that the run goes on.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_secs(2);

/// One of the allocators: its process comes and goes, its port and data directory stay.
pub struct Allocator {
    pub number: usize,
    pub port: u16,
    pub proxy: Proxy,
    folder: PathBuf,
    front_port: u16,
    recorder: Arc<Recorder>,
    http: reqwest::Client,
    process: Mutex<Option<Child>>,
    ready: AtomicBool,
    /// Held by the fault that this allocator has at the moment.
    trouble: Mutex<()>,
}

impl Allocator {
    pub fn new(
        number: usize,
        folder: &Path,
        front_port: u16,
        proxy: Proxy,
        recorder: Arc<Recorder>,
    ) -> Result<Self> {
        Ok(Self {
            number,
            port: free_port()?,
            proxy,
            folder: folder.to_owned(),
            front_port,
            recorder,
            http: reqwest::Client::builder()
                .no_proxy()
                .pool_max_idle_per_host(0)
                .timeout(LOOK)
                .build()?,
            process: Mutex::default(),
            ready: AtomicBool::new(false),
            trouble: Mutex::default(),
        })
    }

    /// The right to do something to it; none while another fault does.
    pub fn trouble(&self) -> Option<MutexGuard<'_, ()>> {
        self.trouble.try_lock().ok()
    }

    pub async fn start(&self) -> Result<()> {
        let log = self.folder.join(format!("logs/allocator-{}.log", self.number));
        let log = File::options().create(true).append(true).open(log)?;
        let program = std::env::current_exe()?.with_file_name("lablink-allocator");
        let child = Command::new(program)
            .args(["serve", "--listen", &format!("127.0.0.1:{}", self.port), "--config"])
            .arg(self.folder.join("config.yaml"))
            .arg("--data-dir")
            .arg(self.folder.join(format!("allocator-{}", self.number)))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder.join("home"))
            .env("ENVIRONMENT", "dev")
            .env("ADMIN_PASSWORD", ADMIN_PASSWORD)
            .env("LABLINK_STATE_DIR", self.folder.join("state"))
            .env("LABLINK_TERRAFORM", self.folder.join("terraform"))
            .env("LABLINK_TERRAFORM_DIR", self.folder.join("modules"))
            .env("ALLOCATOR_FQDN", format!("http://127.0.0.1:{}", self.front_port))
            .env(
                "DATABASE_URL",
                format!("host=127.0.0.1 port={} user=lablink dbname=lablink_db", self.proxy.port),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::from(OwnedFd::from(log.try_clone()?)))
            .stderr(Stdio::from(OwnedFd::from(log)))
            // A Ctrl-C at the terminal is ours to hand on.
            .process_group(0)
            .spawn()
            .context("cannot start lablink-allocator: build it first")?;
        *self.process.lock().await = Some(child);
        Ok(())
    }

    /// Ends it in the middle of whatever it does.
    pub async fn kill(&self) -> Result<()> {
        self.end(Signal::SIGKILL, Why::Killed).await
    }

    /// Asks it to stop, and notes how that went. One that does not is killed in the end.
    pub async fn stop(&self) -> Result<()> {
        self.end(Signal::SIGTERM, Why::AskedToStop).await
    }

    async fn end(&self, signal: Signal, why: Why) -> Result<()> {
        self.is_ready(false);
        let Some(mut child) = self.process.lock().await.take() else { return Ok(()) };
        let pid = child.id().context("it has ended")?;
        let asked = self.recorder.now();
        kill(Pid::from_raw(i32::try_from(pid)?), signal)?;
        let status = match timeout(PATIENCE, child.wait()).await {
            Ok(status) => status?,
            Err(_stuck) => {
                child.kill().await?;
                child.wait().await?
            }
        };
        self.note_exit(pid, why, asked, status.code());
        Ok(())
    }

    /// Lets it stand still, or go on.
    pub async fn signal(&self, signal: Signal) -> Result<()> {
        let held = self.process.lock().await;
        let pid = held.as_ref().and_then(Child::id).context("it does not run")?;
        Ok(kill(Pid::from_raw(i32::try_from(pid)?), signal)?)
    }

    /// Starts it again if it has ended by itself, as a service manager does.
    pub async fn keep(&self) -> Result<()> {
        let ended = {
            let mut held = self.process.lock().await;
            let Some(child) = held.as_mut() else { return Ok(()) };
            let pid = child.id().unwrap_or_default();
            let Some(status) = child.try_wait()? else { return Ok(()) };
            *held = None;
            (pid, status)
        };
        self.note_exit(ended.0, Why::ByItself, self.recorder.now(), ended.1.code());
        self.start().await
    }

    fn note_exit(&self, pid: u32, why: Why, asked: At, code: Option<i32>) {
        let at = self.recorder.now();
        let exit = Exit { at, allocator: self.number, pid, why, took: at - asked, code };
        self.recorder.history().exits.push(exit);
    }

    /// As the load balancer sees it.
    pub fn seems_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed)
    }

    pub fn is_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    pub async fn answers_ready(&self) -> bool {
        self.status_of("/readyz").await == Some(200)
    }

    /// The status of an answer of this one; none: no answer in time.
    pub async fn status_of(&self, path: &str) -> Option<u16> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        Some(self.http.get(url).send().await.ok()?.status().as_u16())
    }
}
