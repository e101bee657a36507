use std::{
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use lablink_core::{
    chain,
    ssh::{FitAddresses, SshAccess},
};
use tokio::{
    net::TcpStream,
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use super::{Machine, Reach, Script, files::SshFiles};

/// How long a program may take to end once its output has.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// A script that runs on a VM. Dropping it ends it, and so does our death, however it comes: the
/// kernel kills what `setpriv` has become, and on the VM nothing has anybody to talk to any more.
///
/// `ssh` itself and not the crate `openssh`: that one leaves a master connection behind, in the
/// background, when we are killed.
pub(crate) struct Remote {
    pub stdin: ChildStdin,
    pub stdout: ChildStdout,
    pub stderr: ChildStderr,
    pub ending: Ending,
}

/// The rest of a script that runs, once its streams have been taken.
pub(crate) struct Ending {
    child: Child,
    files: Option<SshFiles>,
}

impl Remote {
    pub async fn start(
        machine: &Machine,
        connect: Duration,
        script: &Script,
    ) -> Result<Self, String> {
        let failed = |error: io::Error| format!("it can't be asked: {error}");
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]);
        let files = match &machine.reach {
            Reach::None(why) => return Err(why.clone()),
            Reach::Here(_) => {
                command.args(["sh", "-c"]).arg(&script[0]).arg("lablink").args(&script[1..]);
                None
            }
            Reach::Ssh { access, host_key, fit } => {
                let at = place(access, *fit, connect).await?;
                let hostname = &machine.hostname;
                let files = SshFiles::new(hostname, access, host_key.as_deref()).map_err(failed)?;
                command.arg("ssh").args(files.arguments(hostname, access, &at, connect, script));
                Some(files)
            }
        };
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        let mut child = command
            .env_clear()
            .env("PATH", path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("setpriv can't be run (package util-linux): {error}"))?;
        let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = streams else {
            return Err(failed(io::Error::other("it has no pipes")));
        };
        Ok(Self { stdin, stdout, stderr, ending: Ending { child, files } })
    }
}

/// Where `ssh` is to go: the first address that answers, as `ssh` itself would choose.
async fn place(
    access: &SshAccess,
    fit: Option<FitAddresses>,
    connect: Duration,
) -> Result<String, String> {
    let Some(fit) = fit else { return Ok(access.address.to_string()) };
    let found = access.address.resolve(access.port, fit, connect).await;
    let found = found.map_err(|unfit| format!("nothing was sent to it: {}", chain(&unfit)))?;
    if let [_, _, ..] = &found[..] {
        for &ip in &found {
            let trial = TcpStream::connect((ip, access.port.get()));
            if let Ok(Ok(_answers)) = timeout(connect, trial).await {
                return Ok(ip.to_string());
            }
        }
    }
    // Nobody answered. The error of `ssh` says best why.
    let first = found.first().ok_or("its name has no address")?;
    Ok(first.to_string())
}

impl Ending {
    /// Waits for the end of what has no more to say, and kills it if it does not come.
    pub async fn status(&mut self) -> io::Result<ExitStatus> {
        match timeout(LAST_WORDS, self.child.wait()).await {
            Ok(status) => status,
            Err(_elapsed) => {
                self.child.kill().await?;
                self.child.wait().await
            }
        }
    }

    /// Ends it now.
    pub async fn kill(&mut self) {
        // It may have ended by itself.
        let _gone = self.child.kill().await;
    }

    /// The host key of a first contact.
    pub fn learned(self) -> Option<String> {
        self.files.and_then(SshFiles::learned)
    }
}
