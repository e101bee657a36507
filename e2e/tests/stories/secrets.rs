//! What is secret stays out of logs, state, files for others, and process lists.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result};
use lablink_e2e::{Claimed, Deployment, Machine, processes_of};

const CODE: &str = "4/0SecretCode-of_Mia";

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_written_down_or_shown_in_a_process_list() -> Result<()> {
    let deployment = Deployment::new()?;
    let watch = Watch::start(deployment.folder());
    let allocator = deployment.start().await?;
    allocator.until_free(2).await?;
    let claimed = allocator.claim("mia@example.org", CODE).await?;
    deployment.machine(&claimed.hostname).has_connected(CODE, &claimed.pin).await?;
    claimed.page_says(&allocator.browser()?, "Your machine is ready").await?;
    allocator.until_ended(allocator.launch(1).await?).await?;
    allocator.until_free(2).await?;
    let secrets = secrets(&deployment, &claimed)?;
    let third = [("hostname", "lablink-vm-dev-3")];
    allocator.organiser()?.post_form("/destroy?wait=true", &third).await?.expect(200)?;
    allocator.stop().await?;

    let command_lines = watch.stop().await?;
    assert!(command_lines.iter().any(|line| line.contains("lablink-allocator serve")));
    assert!(command_lines.iter().any(|line| line.contains("lablink-client run")));
    assert!(command_lines.iter().any(|line| line.contains("terraform apply")));
    let files = written_files(&deployment)?;
    for wanted in ["allocator.log", "agent.log", "dev.tfstate", "terraform.jsonl", "postgres.log"] {
        assert!(files.iter().any(|file| file.ends_with(wanted)), "{wanted} is not in {files:?}");
    }
    for (name, secret) in secrets {
        for file in &files {
            let text = String::from_utf8_lossy(&fs::read(file)?).into_owned();
            // The terminal's banner shows the password that was made, on standard output.
            let text = text.replace(&format!("  Password      {secret}\n"), "");
            assert!(!text.contains(&secret), "{name} is in {}", file.display());
        }
        let shown = command_lines.iter().find(|line| line.contains(&secret));
        assert!(shown.is_none(), "{name} is in the process list: {shown:?}");
    }
    Ok(())
}

/// All that nobody else may know, with its name for the message.
fn secrets(deployment: &Deployment, claimed: &Claimed) -> Result<Vec<(String, String)>> {
    let link = claimed.page.replace("/claims/", "");
    let mut secrets = vec![
        ("the admin password".to_owned(), deployment.admin_password()?),
        ("the code".to_owned(), CODE.to_owned()),
        ("the PIN".to_owned(), claimed.pin.clone()),
        ("the claim's link".to_owned(), link),
    ];
    for hostname in deployment.machine_names()? {
        let machine = deployment.machine(&hostname);
        secrets.push((format!("{hostname}'s enrolment token"), enrolment_token(&machine)?));
        secrets.push((format!("{hostname}'s agent token"), agent_token(&machine)?));
    }
    Ok(secrets)
}

fn enrolment_token(machine: &Machine) -> Result<String> {
    let environment = fs::read_to_string(format!("/proc/{}/environ", machine.agent()?.pid))?;
    let mut variables = environment.split('\0');
    let token = variables.find_map(|it| it.strip_prefix("LABLINK_ENROLMENT_TOKEN="));
    Ok(token.context("the agent was given no enrolment token")?.to_owned())
}

fn agent_token(machine: &Machine) -> Result<String> {
    Ok(fs::read_to_string(machine.agent_token_file())?.trim().to_owned())
}

/// All that was written in the deployment, without the places that secrets are for: the database,
/// the organiser's note, and what the agent and the desktop keep on their own VM.
fn written_files(deployment: &Deployment) -> Result<Vec<PathBuf>> {
    let data = deployment.data_dir();
    let mut places_for_secrets = vec![data.join("postgres"), data.join("admin-password")];
    for hostname in deployment.machine_names()? {
        let folder = deployment.machine(&hostname).folder;
        places_for_secrets.extend([folder.join("state"), folder.join("home")]);
    }
    let mut files = Vec::new();
    let mut places = vec![deployment.folder().to_owned()];
    while let Some(place) = places.pop() {
        if places_for_secrets.contains(&place) {
            continue;
        }
        if place.is_dir() {
            for entry in fs::read_dir(place)? {
                places.push(entry?.path());
            }
        } else {
            files.push(place);
        }
    }
    Ok(files)
}

/// Looks at the deployment's process list again and again.
struct Watch {
    stop: Arc<AtomicBool>,
    seen: tokio::task::JoinHandle<Result<BTreeSet<String>>>,
}

impl Watch {
    fn start(folder: &Path) -> Self {
        let (folder, stop) = (folder.to_owned(), Arc::new(AtomicBool::new(false)));
        let stopping = Arc::clone(&stop);
        let seen = tokio::task::spawn_blocking(move || {
            let mut seen = BTreeSet::new();
            while !stopping.load(Ordering::Relaxed) {
                let running = processes_of(&folder)?.into_iter();
                let lines = running.map(|process| process.command_line);
                // Google's program takes the code as an argument; there is no other way.
                seen.extend(lines.filter(|line| !line.contains("/start-host --code=")));
                std::thread::sleep(Duration::from_millis(5));
            }
            Ok(seen)
        });
        Self { stop, seen }
    }

    async fn stop(self) -> Result<BTreeSet<String>> {
        self.stop.store(true, Ordering::Relaxed);
        self.seen.await?
    }
}
