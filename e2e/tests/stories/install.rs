//! What an organiser pastes on a machine, with settings and folders that mean something to a shell.

use std::{fs, path::Path, process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use lablink_e2e::{Allocator, Deployment, processes_of, start_host};
use serde_json::json;
use tokio::process::Command;

#[tokio::test]
async fn settings_stay_what_they_are_wherever_they_are_read() -> Result<()> {
    let trap = tempfile::tempdir()?;
    let touch = format!("touch {}/sprung", trap.path().display());
    let software = format!("SLEAP Label; {touch} \"$({touch})\" `{touch}` $HOME \\ 100% it's #1");
    let yaml = software.replace('\'', "''");
    let config = format!("provider: manual\nmachine:\n  software: '{yaml}'\n");
    let deployment = Deployment::with_config(&config)?;
    let allocator = deployment.start().await?;
    let desk = deployment.folder().join("a desk's \"$(touch sprung)\"");
    let installed = install(&command(&allocator).await?, &desk).await?;
    ensure!(installed.contains("desk is enrolled"), "{installed}");

    allocator.until_free(1).await?;
    let agents = processes_of(&desk)?;
    let agent = agents.iter().find(|it| it.command_line.contains("lablink-client run"));
    let environment = fs::read(format!("/proc/{}/environ", agent.context("no agent")?.pid))?;
    let told = environment.split(|&byte| byte == 0);
    let told = told.filter_map(|line| line.strip_prefix(b"SUBJECT_SOFTWARE=")).next_back();
    ensure!(told == Some(software.as_bytes()), "{}", String::from_utf8_lossy(&environment));
    ensure!(!trap.path().join("sprung").exists() && !desk.join("sprung").exists(), "it ran");
    let settings = fs::read_to_string(desk.join("lablink-client.env"))?;
    ensure!(as_systemd_reads(&settings, "SUBJECT_SOFTWARE") == Some(software), "{settings}");
    ensure!(as_systemd_reads(&settings, "VM_NAME").as_deref() == Some("desk"), "{settings}");

    allocator.stop().await?;
    Ok(())
}

#[tokio::test]
async fn what_is_not_what_the_command_was_made_for_does_not_run() -> Result<()> {
    let deployment = Deployment::with_config("provider: manual\ndesktop: chrome-remote-desktop\n")?;
    let allocator = deployment.start().await?;
    let command = command(&allocator).await?;
    let words = command.split(|c: char| !c.is_ascii_alphanumeric());
    let sums: Vec<&str> =
        words.filter(|it| it.len() == 64 && it.bytes().all(|b| b.is_ascii_hexdigit())).collect();
    ensure!(sums.len() == 2, "of script and program: {command}");
    for (number, sum) in sums.into_iter().enumerate() {
        let digit = if sum.starts_with('0') { "1" } else { "0" };
        let other = command.replace(sum, &format!("{digit}{}", &sum[1..]));
        let desk = deployment.folder().join(format!("desk-{number}"));
        let refused = install(&other, &desk).await.err().context("it was installed")?;
        ensure!(format!("{refused}").contains("Make a new install command"), "{refused}");
        ensure!(!desk.join("lablink-client").exists(), "the program is there");
        ensure!(!desk.join("lablink-client.new").exists(), "it lies about");
    }
    allocator.stop().await?;
    Ok(())
}

async fn command(allocator: &Allocator) -> Result<String> {
    let wish = json!({ "hostname": "desk" });
    let told = allocator.organiser()?.post_json("/api/vms", &wish).await?.expect(201)?.json()?;
    Ok(told["install_command"].as_str().context("no command")?.to_owned())
}

/// Runs it for a folder, and so without root. What it said; what it complained of is the error.
async fn install(command: &str, desk: &Path) -> Result<String> {
    let installing = Command::new("sh")
        .args(["-c", &command.replace("sudo sh", "sh")])
        .env("LABLINK_INSTALL_DIR", desk)
        .env("LABLINK_REMOTE_DESKTOP", start_host())
        .env("HOME", desk)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let installed = tokio::time::timeout(Duration::from_secs(60), installing).await??;
    ensure!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
    Ok(String::from_utf8_lossy(&installed.stdout).into_owned())
}

/// A value of a file for `EnvironmentFile=`, by systemd.exec(5): one pair of double quotes around
/// it, in which a backslash stands before each `"`, `\`, `` ` `` and `$` that is meant.
fn as_systemd_reads(settings: &str, name: &str) -> Option<String> {
    let mut lines = settings.lines();
    let value =
        lines.find_map(|line| line.strip_prefix(&format!("{name}=\"")))?.strip_suffix('"')?;
    let (mut read, mut chars) = (String::new(), value.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' => read.push(chars.next().filter(|c| "\"\\`$".contains(*c))?),
            '"' => return None,
            c => read.push(c),
        }
    }
    Some(read)
}
