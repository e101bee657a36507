//! Machines that somebody already has: registered by an organiser, with an agent of their own.

use std::{
    fs::{self, File},
    process::Stdio,
    sync::Arc,
};

use anyhow::Result;
use tokio::process::Command;

use crate::world::World;

#[derive(Clone)]
pub struct Desks {
    world: Arc<World>,
}

impl Desks {
    pub fn new(world: Arc<World>) -> Result<Self> {
        fs::create_dir_all(world.folder.join("desks"))?;
        Ok(Self { world })
    }

    /// Starts the agent of a machine that was registered. It runs until the world ends.
    pub fn install(&self, hostname: &str, enrolment_token: &str) -> Result<()> {
        let folder = self.world.folder.join("desks").join(hostname);
        fs::create_dir_all(folder.join("home"))?;
        let log = File::create(self.world.logs().join(format!("{hostname}.log")))?;
        let port = self.world.front.port;
        let mut agent = Command::new(std::env::current_exe()?.with_file_name("lablink-client"))
            .arg("run")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", folder.join("home"))
            .env("VM_NAME", hostname)
            .env("ALLOCATOR_URL", format!("http://127.0.0.1:{port}"))
            .env("LABLINK_ENROLMENT_TOKEN", enrolment_token)
            .env("LABLINK_AGENT_DIR", folder.join("state"))
            .env("LABLINK_REMOTE_DESKTOP", self.world.scripts.start_host())
            .env("SUBJECT_SOFTWARE", "")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0)
            .spawn()?;
        tokio::spawn(async move { agent.wait().await });
        Ok(())
    }
}
