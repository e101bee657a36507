//! A machine that somebody already has goes from one participant to the next. The installer makes
//! the account, so it needs root, and folders of its own in which to make it.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use lablink_e2e::{Allocator, Deployment, processes_of, start_host};
use serde_json::json;
use tokio::process::Command;

/// Everything that an installation writes to, as a layer that goes with the last process in it.
/// Users get numbers that no account of the machine has, since processes are shared.
const OF_ITS_OWN: &str = r#"
set -e
mount -t tmpfs tmpfs /mnt
for folder in etc home var usr/local; do
    mkdir -p "/mnt/$folder/upper" "/mnt/$folder/work"
    mount -t overlay overlay -o "lowerdir=/$folder,upperdir=/mnt/$folder/upper,workdir=/mnt/$folder/work" "/$folder"
done
sed -i "s/^UID_MIN.*/UID_MIN $1/" /etc/login.defs
exec sh -c "$2"
"#;

#[tokio::test]
async fn the_next_participant_of_a_registered_machine_finds_no_trace_of_the_last() -> Result<()> {
    if !can_have_folders_of_its_own().await? {
        eprintln!("skipped: installing for real needs root, and file systems to mount");
        return Ok(());
    }
    let deployment = Deployment::with_config("provider: manual\ndesktop: chrome-remote-desktop\n")?;
    let allocator = deployment.start().await?;
    let said = install(&deployment, &command(&allocator).await?).await?;
    ensure!(said.contains("desktop of lablink-desktop, which is cleaned after each"), "{said}");

    allocator.until_free(1).await?;
    let home = home(&deployment, "home/lablink-desktop/home")?;
    can_not_read_what_is_the_agents(&deployment, "lablink-desktop").await?;
    let ada = take(&allocator, &home, "ada@example.org", "4/ada").await?;
    fs::write(home.join("secret"), "ada's")?;
    let returned = allocator.browser()?.post_form(&format!("{ada}/return"), &[]).await?;
    returned.expect(303)?;

    allocator.until_free(1).await?;
    take(&allocator, &home, "bob@example.org", "4/bob").await?;
    ensure!(!home.join("secret").exists(), "bob finds what ada left");
    let beside = home.parent().context("no parent")?;
    let kept = fs::read_dir(beside)?.flatten().map(|entry| entry.path().join("home/secret"));
    ensure!(kept.filter(|secret| secret.exists()).count() == 1, "it is lost");

    allocator.stop().await?;
    Ok(())
}

#[tokio::test]
async fn an_account_that_was_there_before_is_not_touched_and_its_machine_is_held() -> Result<()> {
    if !can_have_folders_of_its_own().await? {
        eprintln!("skipped: installing for real needs root, and file systems to mount");
        return Ok(());
    }
    let deployment = Deployment::with_config("provider: manual\ndesktop: chrome-remote-desktop\n")?;
    let allocator = deployment.start().await?;
    let command = format!("useradd --create-home grace && {} grace", command(&allocator).await?);
    let said = install(&deployment, &command).await?;
    ensure!(said.contains("desktop of grace, which was there before"), "{said}");

    allocator.until_free(1).await?;
    let home = home(&deployment, "home/grace")?;
    can_not_read_what_is_the_agents(&deployment, "grace").await?;
    let ada = take(&allocator, &home, "ada@example.org", "4/ada").await?;
    fs::write(home.join("mine"), "grace's")?;
    let returned = allocator.browser()?.post_form(&format!("{ada}/return"), &[]).await?;
    returned.expect(303)?;
    ensure!(allocator.free_count().await? == 0, "a stranger would get it");
    let page = allocator.organisers_browser()?.get("/admin/vms/desk").await?.text();
    ensure!(page.contains("ada@example.org had it last"), "{page}");
    ensure!(page.contains("an account that was there before LabLink"), "{page}");
    let reuse = json!({ "then": "reuse" });
    let released = allocator.organiser()?.post_json("/api/vms/desk/release", &reuse).await?;
    released.expect(200)?;
    allocator.until_free(1).await?;
    ensure!(home.join("mine").exists(), "it was cleaned");

    allocator.stop().await?;
    Ok(())
}

/// What an organiser is told to run on a machine, as root.
async fn command(allocator: &Allocator) -> Result<String> {
    let wish = json!({ "hostname": "desk" });
    let told = allocator.organiser()?.post_json("/api/vms", &wish).await?.expect(201)?.json()?;
    let command = told["install_command"].as_str().context("no command")?;
    Ok(command.replace("sudo sh", "sh"))
}

async fn can_have_folders_of_its_own() -> Result<bool> {
    let mut trial = Command::new("unshare");
    trial.args(["--mount", "sh", "-c", OF_ITS_OWN, "sh", "30000", "true"]);
    let trial = trial.stdin(Stdio::null()).stderr(Stdio::null());
    Ok(nix::unistd::getuid().is_root() && trial.status().await?.success())
}

async fn install(deployment: &Deployment, command: &str) -> Result<String> {
    // Where the account can reach it, wherever the repository is.
    let program = deployment.folder().join("start-host");
    fs::copy(start_host(), &program)?;
    fs::set_permissions(&program, Permissions::from_mode(0o755))?;
    let first_number = rand::random_range(30_000..50_000).to_string();
    let installing = Command::new("unshare")
        .args(["--mount", "sh", "-c", OF_ITS_OWN, "sh", &first_number, command])
        .env("LABLINK_REMOTE_DESKTOP", &program)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let installed = tokio::time::timeout(Duration::from_secs(60), installing).await??;
    let said = String::from_utf8_lossy(&installed.stdout).into_owned();
    ensure!(installed.status.success(), "{said}{}", String::from_utf8_lossy(&installed.stderr));
    Ok(said)
}

/// The desktop's account tries, on the machine that the agent sees.
async fn can_not_read_what_is_the_agents(deployment: &Deployment, account: &str) -> Result<()> {
    let agent = agent(deployment)?;
    let tries = format!(
        "for it in /var/lib/lablink-client /var/lib/lablink-client/agent-token /proc/{agent}/environ
         do if cat $it || ls $it/; then echo \"reads $it\"; fi; done; id -un"
    );
    let tried = Command::new("nsenter")
        .arg(format!("--mount=/proc/{agent}/ns/mnt"))
        .args(["runuser", "-u", account, "--", "sh", "-c", &tries])
        .output()
        .await?;
    let said = String::from_utf8_lossy(&tried.stdout).into_owned();
    ensure!(said.trim() == account, "{said}{}", String::from_utf8_lossy(&tried.stderr));
    Ok(())
}

fn agent(deployment: &Deployment) -> Result<i32> {
    let processes = processes_of(deployment.folder())?;
    let agent = processes.iter().find(|it| it.command_line.contains("lablink-client run"));
    Ok(agent.context("no agent runs")?.pid)
}

/// A folder as the agent sees it.
fn home(deployment: &Deployment, path: &str) -> Result<PathBuf> {
    Ok(format!("/proc/{}/root/{path}", agent(deployment)?).into())
}

/// Claims the machine, and waits until the desktop was started with this code.
async fn take(allocator: &Allocator, home: &Path, email: &str, code: &str) -> Result<String> {
    let claimed = allocator.claim(email, code).await?;
    claimed.page_says(&allocator.program()?, "Your machine is ready").await?;
    let record = fs::read_to_string(home.join("remote-desktop-record.json"))?;
    ensure!(record.contains(&format!("--code={code}")), "another's: {record}");
    Ok(claimed.page)
}
