use std::{fs, process::Stdio};

use anyhow::{Context, Result, ensure};
use lablink_e2e::{Allocator, Machine, programs, start_host};
use serde_json::json;
use tokio::process::{Child, Command};

use crate::lab::UpgradeLab;

const PEM: &str = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n";

/// A machine of an organiser's own, with today's agent.
pub struct Desk {
    pub machine: Machine,
    _agent: Child,
}

impl Desk {
    /// Its agent talks to this allocator.
    pub async fn start(lab: &UpgradeLab, allocator: &Allocator, hostname: &str) -> Result<Self> {
        let wish = json!({ "hostname": hostname });
        let told = allocator.organiser()?.post_json("/api/vms", &wish).await?;
        let told = told.expect(201)?.json()?;
        let token = told["enrolment_token"].as_str().context("no enrolment token")?;
        let machine = Machine::in_folder(&lab.deployment.folder().join("desks"), hostname);
        let home = machine.folder.join("home");
        fs::create_dir_all(&home)?;
        let log = fs::File::create(machine.folder.join("agent.log"))?;
        let agent = Command::new(programs::built("lablink-client")?)
            .args(["run", "--allocator-url", &allocator.url(""), "--hostname", hostname])
            .arg("--state-dir")
            .arg(machine.folder.join("state"))
            .arg("--remote-desktop")
            .arg(start_host())
            .env("LABLINK_ENROLMENT_TOKEN", token)
            .env("SUBJECT_SOFTWARE", "")
            .env("HOME", &home)
            .current_dir(&home)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self { machine, _agent: agent })
    }
}

/// Registers a machine whose results come over SSH: its key is sealed in the database.
pub async fn register_with_ssh(allocator: &Allocator, hostname: &str) -> Result<()> {
    // Nobody has this address.
    let ssh = json!({ "address": "192.0.2.7", "login": "ada", "private_key": PEM });
    let wish = json!({ "hostname": hostname, "ssh": ssh });
    allocator.organiser()?.post_json("/api/vms", &wish).await?.expect(201)?;
    Ok(())
}

/// Collects from the machine. It fails, but for another reason than a key that does not open.
pub async fn stored_key_opens(allocator: &Allocator, hostname: &str) -> Result<()> {
    let organiser = allocator.organiser()?;
    let wish = json!({ "hostnames": [hostname] });
    let asked = organiser.post_json("/api/collections", &wish).await?.expect(202)?.json()?;
    allocator.until_ended(asked["operation_id"].as_i64().context("no operation")?).await?;
    let told = organiser.get("/api/collections").await?.expect(200)?.json()?;
    let vm = &told["collections"][0]["vms"][0];
    let failure = vm["failure"].as_str().with_context(|| format!("no failure in {told}"))?;
    eprintln!("the collection from {hostname} says: {failure}");
    ensure!(!failure.contains("LABLINK_SECRET_KEY"), "{failure}");
    Ok(())
}
