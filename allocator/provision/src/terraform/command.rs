use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use lablink_core::{plain, worker::Limit};
use tokio::process::Command;

use super::{StepError, step::Step};

/// The lowest versions that have ephemeral variables.
const LOWEST_TERRAFORM: (u64, u64) = (1, 10);
const LOWEST_TOFU: (u64, u64) = (1, 11);

/// What Terraform may see of our environment: enough to find programs and reach the network, and
/// no secret.
const PASSED_ON: [&str; 13] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "TMPDIR",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// A Terraform that is recent enough.
#[derive(Clone, Debug)]
pub struct Program {
    path: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    #[error(
        "cannot run '{path}': install Terraform 1.10 or later, or name it with --terraform ({said})"
    )]
    Missing { path: PathBuf, said: String },
    #[error(
        "'{path} version' did not end within {} s, so its version is not known: every operation \
         may fail until it answers again. See what it waits for (a disk, a plug-in, the network)",
        VERSION.as_secs()
    )]
    Hangs { path: PathBuf },
    #[error("'{path} version -json' gave no version: {output}")]
    Unreadable { path: PathBuf, output: String },
    #[error("'{path}' is version {found}: LabLink needs Terraform 1.10 or OpenTofu 1.11, or later")]
    TooOld { path: PathBuf, found: String },
}

/// How long it may take to say which it is. Requests are not answered before.
const VERSION: Duration = Duration::from_secs(2);
/// The exit codes of `setsid` when it can't become the program.
const NOT_RUN: [i32; 2] = [126, 127];

impl Program {
    /// A Terraform whose version can't be told.
    pub fn unchecked(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Checks that the program is there and recent enough.
    pub async fn find(path: &Path) -> Result<Self, ProgramError> {
        let program = Self::unchecked(path);
        let mut command = program.command(Path::new("/"));
        command.args(["version", "-json"]);
        let step = Step {
            name: format!("{} version", path.display()),
            command,
            deadline: VERSION,
            grace: Duration::ZERO,
            limit: Limit::default(),
            notes: None,
        };
        let path = path.to_owned();
        let output = match step.run().await {
            Ok(output) => output,
            Err(StepError::Late { .. }) => return Err(ProgramError::Hangs { path }),
            Err(StepError::Failed { status, said, .. })
                if status.code().is_some_and(|code| NOT_RUN.contains(&code)) =>
            {
                return Err(ProgramError::Missing { path, said: said.trim().to_owned() });
            }
            Err(error) => {
                return Err(ProgramError::Unreadable { path, output: error.to_string() });
            }
        };
        let text = String::from_utf8_lossy(&output).into_owned();
        let version = serde_json::from_str::<serde_json::Value>(&text)
            .ok()
            .and_then(|json| json["terraform_version"].as_str().map(str::to_owned));
        let Some(version) = version else {
            return Err(ProgramError::Unreadable { path, output: plain(&text).into_owned() });
        };
        // Both write the same JSON.
        let is_tofu = path.file_name().is_some_and(|name| name == "tofu");
        let lowest = if is_tofu { LOWEST_TOFU } else { LOWEST_TERRAFORM };
        let mut numbers = version.split(['.', '-']).map(str::parse::<u64>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(major)), Some(Ok(minor))) if (major, minor) >= lowest => Ok(program),
            _ => Err(ProgramError::TooOld { path, found: version }),
        }
    }

    /// Terraform in `directory`, in a session of its own: a Ctrl-C in our terminal is ours to
    /// handle, and its whole tree can be signalled. `setsid` replaces itself by the program, so
    /// the child's pid is Terraform's.
    pub(super) fn command(&self, directory: &Path) -> Command {
        let mut command = Command::new("setsid");
        command
            .arg(&self.path)
            .current_dir(directory)
            .env_clear()
            .envs(passed_on())
            .envs([("CHECKPOINT_DISABLE", "1"), ("TF_IN_AUTOMATION", "1"), ("TF_INPUT", "0")])
            .stdin(Stdio::null());
        command
    }
}

pub(super) fn passed_on() -> impl Iterator<Item = (&'static str, OsString)> {
    PASSED_ON.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)))
}
