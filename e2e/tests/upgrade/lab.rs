use std::{path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use lablink_e2e::{Allocator, Deployment, eventually, free_port, programs};

use crate::gate::Gate;

/// The line is served every 5 s at the latest; an agent that lost its allocator comes back.
const SHOWN: Duration = Duration::from_secs(30);

/// VMs live on when an allocator stops: another one goes on with them.
const CONFIG: &str = "provider: local\nmachine: { software: sleap }\nlocal: { warm: 2 }\n";

/// One database, data directory and Terraform state for allocators of both versions.
pub struct UpgradeLab {
    pub deployment: Deployment,
    pub gate: Gate,
    old_programs: PathBuf,
    old_port: u16,
    new_port: u16,
}

impl UpgradeLab {
    pub fn new() -> Result<Self> {
        let mut deployment = Deployment::with_config(CONFIG)?;
        let old_programs = std::env::var_os("LABLINK_OLD_PROGRAMS");
        let old_programs = PathBuf::from(old_programs.context("LABLINK_OLD_PROGRAMS is not set")?);
        let (old_port, new_port) = (free_port()?, free_port()?);
        deployment.set("LABLINK_SECRET_KEY", "5a".repeat(32));
        // As behind a load balancer, which here sends all to the old one as long as it is there.
        deployment.set("ALLOCATOR_FQDN", format!("http://127.0.0.1:{old_port}"));
        // Machines keep the agent that they were made with.
        deployment.set("LABLINK_AGENT_PROGRAM", old_programs.join("lablink-client"));
        let gate = Gate::before_terraform(&deployment)?;
        Ok(Self { deployment, gate, old_programs, old_port, new_port })
    }

    pub async fn start_old(&self) -> Result<Allocator> {
        let program = self.old_programs.join("lablink-allocator");
        self.deployment.start_program(&program, self.old_port).await
    }

    pub async fn start_new(&self) -> Result<Allocator> {
        let program = programs::built("lablink-allocator")?;
        self.deployment.start_program(&program, self.new_port).await
    }

    /// It would not know what the database holds by now.
    pub async fn an_old_one_refuses_to_start(&self) -> Result<()> {
        ensure!(self.start_old().await.is_err(), "the old one starts on the new schema");
        let log = std::fs::read_to_string(self.deployment.log_file())?;
        let told = log.lines().rev().take(20).find(|line| line.contains("igration"));
        eprintln!("an old one does not start: {}", told.context("its log does not tell why")?);
        Ok(())
    }

    pub async fn start_in_place_of_old(&self) -> Result<Allocator> {
        let program = programs::built("lablink-allocator")?;
        self.deployment.start_program(&program, self.old_port).await
    }
}

/// Answers the path of the place's page.
pub async fn join_line(allocator: &Allocator, email: &str) -> Result<String> {
    let joined = allocator.browser()?.post_form("/line", &[("email", email)]).await?;
    Ok(joined.expect(303)?.header("location")?.to_owned())
}

/// The text of a page that needs no login.
pub async fn page(allocator: &Allocator, path: &str) -> Result<String> {
    Ok(allocator.browser()?.get(path).await?.expect(200)?.text())
}

pub async fn until_page_says(allocator: &Allocator, path: &str, title: &str) -> Result<()> {
    eventually(&format!("{path} to say '{title}'"), SHOWN, async || {
        Ok(page(allocator, path).await?.contains(title).then_some(()))
    })
    .await
}
