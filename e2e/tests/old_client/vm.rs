use std::{
    env,
    ffi::OsStr,
    fs::{self, File},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::{
    desktop::{Desktop, Given},
    program::Program,
    service::Service,
};

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

/// The `bin` folder of the virtual environment with the client.
pub fn installed() -> Result<PathBuf> {
    let environment = env::var_os("LABLINK_OLD_CLIENT").context(
        "LABLINK_OLD_CLIENT does not name the virtual environment of the original client: run \
         `make test`, which makes one",
    )?;
    let programs = Path::new(&environment).join("bin");
    ensure!(
        programs.join("subscribe").is_file(),
        "the original client is not in {}, which LABLINK_OLD_CLIENT names: run \
         `make test`, which installs it",
        environment.display()
    );
    Ok(programs)
}

pub fn stand_in(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("old-client").join(name)
}

/// A VM on which the original client runs.
pub struct OldVm {
    pub hostname: &'static str,
    folder: PathBuf,
    programs: PathBuf,
    allocator: String,
    desktop: Desktop,
    pace: Pace,
}

impl OldVm {
    pub fn new(service: &Service, programs: PathBuf, pace: Pace) -> Result<Self> {
        let hostname = "lablink-vm-dev-1";
        let folder = service.folder().join(hostname);
        fs::create_dir_all(folder.join("bin"))?;
        let desktop = Desktop::of_vm(&folder)?;
        Ok(Self { hostname, folder, programs, allocator: service.url.clone(), desktop, pace })
    }

    pub fn subscribe(&self) -> Result<Program> {
        self.start("subscribe", self.desktop.command(self.programs.join("subscribe")), SYSTEM)
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

    /// Waits until the client has started Chrome Remote Desktop for this claim.
    pub async fn has_connected(&self, code: &str, pin: &str) -> Result<()> {
        let given = Given { folder: &self.folder, hostname: self.hostname, code, pin };
        self.desktop.was_given(&given, self.pace.patience()).await
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
