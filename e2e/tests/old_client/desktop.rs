use std::{
    fs,
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use anyhow::{Result, ensure};
use lablink_e2e::eventually;
use tokio::process::Command;

use crate::vm::stand_in;

const BUILT_IN: &str = "/opt/google/chrome-remote-desktop/start-host";
const REDIRECT: &str = "https://remotedesktop.google.com/_/oauthredirect";

/// What there is at the path to Chrome Remote Desktop that the client has built in.
pub enum Desktop {
    /// Our stand-in, in a mount namespace, which writes down what it is given.
    StandIn,
    /// Nothing: where namespaces are forbidden, the client's log has to do.
    Nothing,
}

impl Desktop {
    pub fn of_vm(folder: &Path) -> Result<Self> {
        let mut trial = process::Command::new(stand_in("with-start-host"));
        let trial = trial.arg("true").env("OLD_VM", folder).output()?;
        if trial.status.success() {
            return Ok(Self::StandIn);
        }
        let reason = String::from_utf8_lossy(&trial.stderr);
        eprintln!("SKIPPED: what the remote desktop is given. No mount namespace: {reason}");
        ensure!(!Path::new(BUILT_IN).exists(), "the client would start the real {BUILT_IN}");
        Ok(Self::Nothing)
    }

    pub fn command(&self, program: PathBuf) -> Command {
        match self {
            Self::StandIn => {
                let mut command = Command::new(stand_in("with-start-host"));
                command.arg(program);
                command
            }
            Self::Nothing => Command::new(program),
        }
    }

    /// Waits until the desktop was started, checks everything that it was given, and forgets it.
    pub async fn was_given(&self, given: &Given<'_>, patience: Duration) -> Result<()> {
        let Given { folder, hostname, code, pin } = given;
        match self {
            Self::StandIn => {
                let file = folder.join("desktop");
                let look = async || Ok(Some(fs::read_to_string(&file)?));
                let record = eventually("the remote desktop to be started", patience, look).await?;
                fs::remove_file(&file)?;
                let expected = format!(
                    "DISPLAY=\n--code={code}\n--redirect-url={REDIRECT}\n--name={hostname}\n\
                     {pin}\n{pin}\n"
                );
                ensure!(record == expected, "it was given\n{record}\nnot\n{expected}");
                Ok(())
            }
            Self::Nothing => {
                let told = [
                    format!("Pin received: {pin}\n"),
                    format!(
                        "Command to be executed: DISPLAY= {BUILT_IN} --code={code} \
                         --redirect-url='{REDIRECT}' --name={hostname}\n"
                    ),
                ];
                eventually("the client to tell its command", patience, async || {
                    let log = fs::read_to_string(folder.join("subscribe.log"))?;
                    Ok(told.iter().all(|line| log.contains(line)).then_some(()))
                })
                .await
            }
        }
    }
}

/// What a participant's command and claim come down to.
pub struct Given<'a> {
    pub folder: &'a Path,
    pub hostname: &'a str,
    pub code: &'a str,
    pub pin: &'a str,
}
