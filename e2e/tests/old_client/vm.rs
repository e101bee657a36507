use std::{
    env,
    ffi::OsStr,
    fs::{self, File},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{self, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use lablink_e2e::eventually;
use tokio::{
    process::{Child, Command},
    time::timeout,
};

use crate::service::Service;

const SYSTEM: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// How long the client's pauses are.
#[derive(Clone, Copy)]
pub enum Pace {
    /// 60 s after a request that failed, 20 s between looks.
    Real,
    /// A twentieth of that.
    Hurried,
}

impl Pace {
    /// Longer than any pause.
    fn patience(self) -> Duration {
        match self {
            Self::Real => Duration::from_secs(90),
            Self::Hurried => Duration::from_secs(20),
        }
    }
}

/// The `bin` folder of the virtual environment with the client. `None` where nobody named one.
pub fn installed() -> Result<Option<PathBuf>> {
    let Some(environment) = env::var_os("LABLINK_OLD_CLIENT") else {
        eprintln!("SKIPPED: LABLINK_OLD_CLIENT names no virtual environment (make test does)");
        return Ok(None);
    };
    let programs = Path::new(&environment).join("bin");
    ensure!(
        programs.join("subscribe").is_file(),
        "the original client is not in {}, which LABLINK_OLD_CLIENT names: run \
         scripts/old-client-venv",
        environment.display()
    );
    Ok(Some(programs))
}

fn stand_in(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("old-client").join(name)
}

/// A VM on which the original client runs.
pub struct OldVm {
    pub hostname: &'static str,
    folder: PathBuf,
    programs: PathBuf,
    allocator: String,
    pace: Pace,
}

/// One of the client's programs.
pub struct Program {
    child: Child,
    log: PathBuf,
    patience: Duration,
}

impl OldVm {
    pub fn new(service: &Service, programs: PathBuf, pace: Pace) -> Result<Self> {
        let hostname = "lablink-vm-dev-1";
        let folder = service.folder().join(hostname);
        fs::create_dir_all(folder.join("bin"))?;
        Ok(Self { hostname, folder, programs, allocator: service.url.clone(), pace })
    }

    /// Why nothing can be put at the client's fixed path to Chrome Remote Desktop, if so.
    pub fn lacks_desktop(&self) -> Result<Option<String>> {
        let mut trial = process::Command::new(stand_in("with-start-host"));
        let trial = trial.arg("true").env("OLD_VM", &self.folder).output()?;
        let reason = String::from_utf8_lossy(&trial.stderr).trim().to_owned();
        Ok((!trial.status.success()).then_some(reason))
    }

    pub fn subscribe(&self) -> Result<Program> {
        let mut command = Command::new(stand_in("with-start-host"));
        command.arg(self.programs.join("subscribe"));
        self.start("subscribe", command, SYSTEM)
    }

    pub fn check_gpu(&self) -> Result<Program> {
        // A driver of this machine is out of sight.
        let command = Command::new(self.programs.join("check_gpu"));
        self.start("check_gpu", command, self.folder.join("bin"))
    }

    pub fn update_inuse_status(&self, software: &str) -> Result<Program> {
        let mut command = Command::new(self.programs.join("update_inuse_status"));
        command.arg(format!("client.software={software}"));
        self.start("update_inuse_status", command, SYSTEM)
    }

    /// Has a GPU driver from now on, whose program ends with this status.
    pub fn set_nvidia_smi(&self, status: i32) -> Result<()> {
        let (new, file) = (self.folder.join("new"), self.folder.join("nvidia-smi-status"));
        fs::write(&new, format!("{status}\n"))?;
        fs::rename(new, file)?;
        let program = self.folder.join("bin/nvidia-smi");
        if !program.exists() {
            symlink(stand_in("nvidia-smi"), program)?;
        }
        Ok(())
    }

    /// Waits until Chrome Remote Desktop was started, checks everything that it was given, and
    /// forgets it.
    pub async fn has_connected(&self, code: &str, pin: &str) -> Result<()> {
        let file = self.folder.join("desktop");
        let what = "the remote desktop to be started";
        let look = async || Ok(Some(fs::read_to_string(&file)?));
        let record = eventually(what, self.pace.patience(), look).await?;
        let hostname = self.hostname;
        fs::remove_file(&file)?;
        let expected = format!(
            "DISPLAY=\n--code={code}\n\
             --redirect-url=https://remotedesktop.google.com/_/oauthredirect\n\
             --name={hostname}\n{pin}\n{pin}\n"
        );
        ensure!(record == expected, "the remote desktop was given\n{record}\nnot\n{expected}");
        Ok(())
    }

    /// The environment is the client's container's. Nothing of this machine's AWS credentials
    /// gets in: with them, the client would write its log to AWS.
    fn start(&self, name: &str, mut command: Command, path: impl AsRef<OsStr>) -> Result<Program> {
        let log = self.folder.join(format!("{name}.log"));
        let output = File::create(&log)?;
        command.env_clear();
        if let Pace::Hurried = self.pace {
            command.env("PYTHONPATH", stand_in("hurry"));
        }
        command
            .env("PATH", path)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("ALLOCATOR_URL", &self.allocator)
            .env("VM_NAME", self.hostname)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("HOME", &self.folder)
            .env("OLD_VM", &self.folder)
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("{name} does not start"))?;
        Ok(Program { child, log, patience: self.pace.patience() })
    }
}

impl Program {
    pub fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(&self.log)?)
    }

    pub async fn says(&self, text: &str) -> Result<()> {
        self.says_times(text, 1).await
    }

    pub async fn says_times(&self, text: &str, times: usize) -> Result<()> {
        eventually(&format!("it to say '{text}'"), self.patience, async || {
            let log = self.log()?;
            ensure!(log.matches(text).count() >= times, "it said:\n{log}");
            Ok(Some(()))
        })
        .await
    }

    /// Waits until it ends by itself, and insists that it was content.
    pub async fn ends(&mut self) -> Result<()> {
        let status = timeout(self.patience, self.child.wait()).await.context("it goes on")??;
        ensure!(status.success(), "it ended with {status}, having said:\n{}", self.log()?);
        Ok(())
    }

    pub async fn kill(&mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }
}
