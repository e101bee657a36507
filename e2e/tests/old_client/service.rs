use std::{
    fs::{self, File},
    net::TcpStream,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use lablink_e2e::{Claimed, Deployment, crd_command, eventually};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

const CONFIG: &str = "provider: local\ndesktop: chrome-remote-desktop\nlocal:\n  warm: 0\n";
const START: Duration = Duration::from_secs(30);
const STOP: Duration = Duration::from_secs(15);
const SEEN: Duration = Duration::from_secs(5);

/// An allocator that takes clients without a token, and has no VMs of its own.
pub struct Service {
    /// Where VMs find it.
    pub url: String,
    deployment: Deployment,
    http: Client,
    allocator: Child,
}

impl Service {
    pub async fn start() -> Result<Self> {
        let deployment = Deployment::new()?;
        fs::write(deployment.folder().join("open.yaml"), CONFIG)?;
        // Below the ports that outgoing connections take: it is needed again after a restart.
        let is_free = |port: &u16| TcpStream::connect(("127.0.0.1", *port)).is_err();
        let port = (0..100).map(|_| rand::random_range(20_000..32_000)).find(is_free);
        let port = port.context("no free port found")?;
        let allocator = allocator(&deployment, port)?;
        let url = format!("http://127.0.0.1:{port}");
        let service = Self { url, deployment, http: client()?, allocator };
        service.until_ready().await?;
        Ok(service)
    }

    pub fn folder(&self) -> &Path {
        self.deployment.folder()
    }

    /// Ends it as a service manager does.
    pub async fn stop(&mut self) -> Result<()> {
        kill(self.pid()?, Signal::SIGTERM)?;
        let status = timeout(STOP, self.allocator.wait()).await.context("it does not stop")??;
        ensure!(status.success(), "it stopped with {status}");
        Ok(())
    }

    /// Ends it as a crash does.
    pub async fn crash(&mut self) -> Result<()> {
        kill(self.pid()?, Signal::SIGKILL)?;
        self.allocator.wait().await?;
        Ok(())
    }

    /// Starts it where it was before.
    pub async fn start_again(&mut self) -> Result<()> {
        let (_, port) = self.url.rsplit_once(':').context("the URL has no port")?;
        self.allocator = allocator(&self.deployment, port.parse()?)?;
        self.until_ready().await
    }

    /// What a VM's start script says of it, with curl.
    pub async fn report_status(&self, hostname: &str, status: &str) -> Result<()> {
        let report = json!({ "hostname": hostname, "status": status });
        expect(200, self.http.post(self.path("/api/vm-status")).json(&report)).await.map(drop)
    }

    pub async fn status(&self, hostname: &str) -> Result<String> {
        let get = self.http.get(self.path(&format!("/api/vm-status/{hostname}")));
        let answer: Value = serde_json::from_str(&expect(200, get).await?)?;
        Ok(answer["status"].as_str().context("no status")?.to_owned())
    }

    /// Claims the only free VM.
    pub async fn claim(&self, email: &str, code: &str) -> Result<Claimed> {
        let wish = json!({ "email": email, "crd_command": crd_command(code) });
        let answer = expect(201, self.http.post(self.path("/api/request_vm")).json(&wish)).await?;
        Claimed::read(&serde_json::from_str(&answer)?)
    }

    /// Waits until the organiser's list shows this word beside the VM.
    pub async fn shows(&self, hostname: &str, word: &str) -> Result<()> {
        let password = self.deployment.admin_password()?;
        eventually(&format!("{hostname} to show '{word}'"), SEEN, async || {
            let page = self.http.get(self.path("/admin/instances"));
            let page = expect(200, page.basic_auth("admin", Some(&password))).await?;
            let row = page.split("<tr>").find(|row| row.contains(hostname));
            let row = row.context("it is not in the list")?;
            ensure!(row.contains(&format!(">{word}<")), "it shows {row}");
            Ok(Some(()))
        })
        .await
    }

    async fn until_ready(&self) -> Result<()> {
        let look = async || expect(200, self.http.get(self.path("/readyz"))).await.map(Some);
        eventually("the allocator to be ready", START, look).await.map(drop)
    }

    fn path(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    fn pid(&self) -> Result<Pid> {
        Ok(Pid::from_raw(self.allocator.id().context("the allocator has ended")?.try_into()?))
    }
}

fn allocator(deployment: &Deployment, port: u16) -> Result<Child> {
    let log = File::options().create(true).append(true).open(deployment.log_file())?;
    let child = Command::new(program()?)
        .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--config"])
        .arg(deployment.folder().join("open.yaml"))
        .env_clear()
        .envs(["PATH", "HOME"].into_iter().filter_map(|it| Some((it, std::env::var_os(it)?))))
        .env("ENVIRONMENT", "dev")
        .env("LABLINK_AGENT_AUTH", "open")
        .env("LABLINK_DATA_DIR", deployment.data_dir())
        .env("LABLINK_TERRAFORM_DIR", Path::new(env!("CARGO_MANIFEST_DIR")).join("../terraform"))
        .stdin(Stdio::null())
        .stdout(Stdio::from(OwnedFd::from(log.try_clone()?)))
        .stderr(Stdio::from(OwnedFd::from(log)))
        .spawn();
    child.context("the allocator does not start: build it first")
}

/// Test executables lie in `deps`, beside which cargo puts the programs.
fn program() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let target = test.ancestors().nth(2).context("the test lies outside a target directory")?;
    Ok(target.join("lablink-allocator"))
}

fn client() -> Result<Client> {
    // reqwest wants one, although nothing here is encrypted.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    // A connection kept open would not survive the restarts.
    let client = Client::builder().no_proxy().pool_max_idle_per_host(0);
    Ok(client.timeout(Duration::from_secs(20)).build()?)
}

async fn expect(status: u16, request: RequestBuilder) -> Result<String> {
    let answer = request.send().await?;
    let (seen, body) = (answer.status(), answer.text().await?);
    ensure!(seen == status, "{seen} instead of {status}: {body}");
    Ok(body)
}
