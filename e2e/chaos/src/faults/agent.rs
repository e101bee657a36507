use std::{fs, process::Stdio};

use nix::{
    sys::signal::{Signal, kill as send},
    unistd::Pid,
};
use tokio::process::Command;

use super::{Done, Told};
use crate::{history::Hits, plan::Planned, world::World};

/// An agent is killed, and started again by its machine as a service would be.
pub async fn kill(world: &World, planned: &Planned) -> Done {
    let mut running = Vec::new();
    for entry in fs::read_dir(world.vms())? {
        let folder = entry?.path();
        let noted = fs::read_to_string(folder.join("agent.pid")).unwrap_or_default();
        if let Some(pid) = noted.split(' ').next().and_then(|pid| pid.parse::<i32>().ok()) {
            running.push((folder, Pid::from_raw(pid)));
        }
    }
    running.sort();
    if running.is_empty() {
        return Ok(None);
    }
    let (folder, pid) = &running[planned.choice % running.len()];
    // Between the look and the kill its number could have become another's.
    let program = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    if !program.starts_with("lablink-client") {
        return Ok(None);
    }
    let _gone_already = send(*pid, Signal::SIGKILL);
    tokio::time::sleep(planned.lasts()).await;
    if folder.join("settings").exists() {
        Command::new(world.scripts.vm())
            .arg("start")
            .arg(folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", world.folder.join("home"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .await?;
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Some(Told::new(Hits::Machine(name), "its agent was killed")))
}
