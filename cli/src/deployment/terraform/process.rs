//! One run of Terraform.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::{Pid, gethostname},
};
use tokio::{
    process::{Child, Command},
    signal::unix::{Signal as Signals, SignalKind, signal},
    time::sleep,
};

use crate::deployment::interrupt::{Interrupted, Taken};

/// How often its output is read.
const LOOK: Duration = Duration::from_millis(100);
/// The end of its output, where it said nothing in JSON.
const LAST_WORDS: usize = 2000;

pub struct Run {
    child: Child,
    note: PathBuf,
    log: File,
    errors: PathBuf,
    text: String,
    interrupts: Signals,
    ends: Signals,
    signals: u32,
    _taken: Taken,
}

impl Run {
    /// Waits first for a run that an earlier call began and left.
    pub async fn begin(module: &Path, data: &Path, words: &[&str], more: &[&str]) -> Result<Self> {
        let note = data.join("running");
        wait_for(&note).await?;
        let create = |path: &Path| {
            File::create(path).with_context(|| format!("can't write {}", path.display()))
        };
        let (out, errors) = (data.join("output"), data.join("errors"));
        let (to_out, to_errors) = (create(&out)?, create(&errors)?);
        let (verb, rest) = words.split_first().context("no command")?;
        // A command of two words has its options after both.
        let (second, rest) = match rest.split_first() {
            Some((second, rest)) if *verb == "state" => (Some(second), rest),
            _ => (None, rest),
        };
        let taken = Taken::take();
        let (interrupts, ends) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let child = Command::new("terraform")
            .arg(verb)
            .args(second)
            .args(more)
            .args(rest)
            .current_dir(module)
            .env("TF_DATA_DIR", data)
            .env("TF_IN_AUTOMATION", "1")
            .env("TF_INPUT", "0")
            .env("CHECKPOINT_DISABLE", "1")
            .env_remove("TF_LOG")
            // Ctrl-C on the terminal is for this program, which hands it on once.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::from(OwnedFd::from(to_out)))
            .stderr(Stdio::from(OwnedFd::from(to_errors)))
            .spawn();
        let child = child.context("can't start terraform: install Terraform 1.11 or later")?;
        let pid = child.id().context("terraform ended at once")?;
        fs::write(&note, identity(pid).unwrap_or_default())?;
        Ok(Self {
            child,
            note,
            log: File::open(out)?,
            errors,
            text: String::new(),
            interrupts,
            ends,
            signals: 0,
            _taken: taken,
        })
    }

    /// Waits a moment. Its exit status, once it has ended.
    pub async fn look(&mut self) -> Result<Option<i32>> {
        tokio::select! {
            // One that came while it ended counts as well.
            biased;
            _ = self.interrupts.recv() => self.interrupt(),
            _ = self.ends.recv() => self.interrupt(),
            ended = self.child.wait() => {
                let status = ended?.code().unwrap_or(-1);
                remove(&self.note)?;
                return Ok(Some(status));
            }
            () = sleep(LOOK) => {}
        }
        Ok(None)
    }

    /// The first time it is let to end what it has begun and to write its state; the third, it is killed.
    fn interrupt(&mut self) {
        self.signals += 1;
        let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) else { return };
        let _gone = match self.signals {
            1 => kill(Pid::from_raw(pid), Signal::SIGINT),
            2 => Ok(()),
            _ => killpg(Pid::from_raw(pid), Signal::SIGKILL),
        };
    }

    /// Whoever called it off wants no next step, even if this one is done.
    pub fn was_not_interrupted(&self) -> Result<()> {
        ensure!(self.signals == 0, Interrupted);
        Ok(())
    }

    /// What it has printed since.
    pub fn new_text(&mut self) -> Result<String> {
        let mut bytes = Vec::new();
        self.log.read_to_end(&mut bytes)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        self.text.push_str(&text);
        Ok(text)
    }

    pub fn last_words(&self) -> String {
        let errors = fs::read_to_string(&self.errors).unwrap_or_default();
        let text = [errors.as_str(), self.text.as_str()].map(str::trim).join("\n");
        let text = text.trim();
        let start = text.char_indices().rev().nth(LAST_WORDS).map_or(0, |(at, _)| at);
        if text.is_empty() { "it said nothing".to_owned() } else { text[start..].to_owned() }
    }
}

/// Until the run that is noted here has ended.
async fn wait_for(note: &Path) -> Result<()> {
    let Ok(noted) = fs::read_to_string(note) else { return Ok(()) };
    let Some(pid) = noted.split(' ').next().and_then(|pid| pid.parse().ok()) else { return Ok(()) };
    while identity(pid).as_deref() == Some(noted.as_str()) {
        sleep(LOOK).await;
    }
    remove(note)
}

/// A process, told from a later one of the same number by its start time.
fn identity(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    let started = fields.nth(18)?;
    (state != "Z").then(|| format!("{pid} {started}"))
}

pub fn host_name() -> String {
    gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default()
}

fn remove(file: &Path) -> Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}
