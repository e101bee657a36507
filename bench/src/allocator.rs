use std::{
    fs::File,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{connection::Connection, lab::BenchLab, process};

const PASSWORD: &str = "a-password-for-the-benchmark";
const LOG_TOKEN: &str = "a-token-for-the-benchmark";

/// No limit stands in the way of one client that does everything, and VMs that are made without an
/// agent stay alive for as long as a run takes.
const CONFIG: &str = "provider: manual
logs: { lines_per_minute: 0, megabytes_per_minute: 0 }
limits: { form_per_address: 0, form_per_email: 0, connections_per_address: 0 }
health: { stale_after: 5h, suspect_after: 6h }
";

/// A running `lablink-allocator`. Anybody may speak as a VM's
/// agent, so that no thousands of tokens have to be traded first.
pub struct Allocator {
    child: Child,
    pub port: u16,
    /// From the start of the process to its first answer.
    pub started_in: Duration,
}

impl Allocator {
    pub async fn start(lab: &BenchLab) -> Result<Self> {
        let config = lab.folder.path().join("config.yaml");
        std::fs::write(&config, CONFIG)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let log = File::create(lab.folder.path().join("allocator.log"))?;
        let (socket, database_port) = lab.address()?;
        let start = Instant::now();
        let child = Command::new(&lab.program)
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--config"])
            .arg(config)
            .arg("--data-dir")
            .arg(lab.folder.path().join("data"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("ENVIRONMENT", "dev")
            .env("RUST_LOG", "warn")
            .env("LABLINK_AGENT_AUTH", "open")
            .env("LABLINK_LOG_TOKEN", LOG_TOKEN)
            .env("ADMIN_PASSWORD", PASSWORD)
            .env(
                "DATABASE_URL",
                format!(
                    "host={} port={database_port} user=lablink dbname=lablink_db",
                    socket.display()
                ),
            )
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        let mut allocator = Self { child, port, started_in: Duration::ZERO };
        while !allocator.is_ready().await {
            if let Some(status) = allocator.child.try_wait()? {
                bail!("the allocator ended with {status}");
            }
            ensure!(start.elapsed() < Duration::from_secs(60), "the allocator does not get ready");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        allocator.started_in = start.elapsed();
        Ok(allocator)
    }

    async fn is_ready(&self) -> bool {
        let Ok(mut connection) = self.connect().await else { return false };
        connection.get("/readyz", "").await.is_ok_and(|answer| answer.status == 200)
    }

    pub async fn connect(&self) -> Result<Connection> {
        Connection::open(self.port).await
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory.
    pub fn megabytes(&self) -> Result<f64> {
        process::megabytes(self.pid())
    }

    /// Processor time so far.
    pub fn processor_time(&self) -> Result<Duration> {
        process::processor_time(self.pid())
    }

    /// The header by which the organiser logs in.
    pub fn admin() -> String {
        let login = BASE64_STANDARD.encode(format!("admin:{PASSWORD}"));
        format!("Authorization: Basic {login}\r\n")
    }

    /// The header of the log forwarder.
    pub fn forwarder() -> String {
        format!("Authorization: Bearer {LOG_TOKEN}\r\n")
    }
}

impl Drop for Allocator {
    fn drop(&mut self) {
        if let Ok(pid) = i32::try_from(self.pid()) {
            let _gone = kill(Pid::from_raw(pid), Signal::SIGTERM);
        }
        let _ended = self.child.wait();
    }
}
