use std::{fs, fs::File, os::fd::OwnedFd, process::Stdio, time::Duration};

use lablink_e2e::{Deployment, eventually, free_port, lambda::Lambda, programs};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::allocator::TOKEN;

const CONFIG: &str = "provider: manual\nlogs: { lines_per_minute: 0, megabytes_per_minute: 0 }\n";
const START: Duration = Duration::from_secs(60);

/// The real allocator on a Postgres of its own, without VMs. Takes VMs that nobody launched.
pub struct RealAllocator {
    // Ended before its folder goes.
    _process: Child,
    _deployment: Deployment,
    url: String,
    http: Client,
}

impl RealAllocator {
    pub async fn start() -> Self {
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let deployment = Deployment::new().unwrap();
        fs::write(deployment.folder().join("logs.yaml"), CONFIG).unwrap();
        let port = free_port().unwrap();
        let log = File::options().create(true).append(true).open(deployment.log_file()).unwrap();
        let process = Command::new(programs::built("lablink-allocator").unwrap())
            .args(["serve", "--listen", &format!("127.0.0.1:{port}"), "--config"])
            .arg(deployment.folder().join("logs.yaml"))
            .env_clear()
            .envs(["PATH", "HOME"].into_iter().filter_map(|it| Some((it, std::env::var_os(it)?))))
            .env("ENVIRONMENT", "dev")
            .env("LABLINK_AGENT_AUTH", "open")
            .env("LABLINK_LOG_TOKEN", TOKEN)
            .env("LABLINK_DATA_DIR", deployment.data_dir())
            .stdin(Stdio::null())
            .stdout(Stdio::from(OwnedFd::from(log.try_clone().unwrap())))
            .stderr(Stdio::from(OwnedFd::from(log)))
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let http = Client::builder().no_proxy().build().unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let allocator = Self { _process: process, _deployment: deployment, url, http };
        eventually("the allocator to be ready", START, async || {
            let answer = allocator.http.get(format!("{}/readyz", allocator.url)).send().await?;
            Ok(answer.status().is_success().then_some(()))
        })
        .await
        .unwrap();
        allocator
    }

    /// The forwarder before it.
    pub async fn forwarder(&self) -> Lambda {
        let endpoint = format!("{}/api/vm-logs", self.url);
        let environment = [("API_ENDPOINT", &*endpoint), ("LABLINK_LOG_TOKEN", TOKEN)];
        Lambda::start(&environment).await.unwrap()
    }

    pub async fn add_vm(&self, hostname: &str) {
        let report = json!({ "hostname": hostname, "status": "running" });
        let url = format!("{}/api/vm-status", self.url);
        let answer = self.http.post(url).json(&report).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }

    /// A VM's whole log.
    pub async fn log(&self, hostname: &str) -> String {
        let url = format!("{}/api/vm-logs/{hostname}", self.url);
        let answer = self.http.get(url).send().await.unwrap();
        let log: Value = answer.json().await.unwrap();
        log["logs"].as_str().unwrap().to_owned()
    }
}
