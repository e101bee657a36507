//! SIGHUP: the configuration is read again. What can change while the process runs does; what can't is
//! named; a file with faults changes nothing.

use std::{
    fs,
    io::{self, IsTerminal},
    sync::Arc,
};

use anyhow::{Context, Result, anyhow};
use lablink_config::{App, Config, Limits, Written};
use lablink_core::pools::Pool;
use lablink_web::{AgentLimits, FormLimits, StandingNotices};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::task::AbortOnDropHandle;

use super::{
    pool_rules::pool_rules,
    settings::{config_file, load_to_serve},
};
use crate::cli::{AgentAuth, ServeArgs};

/// Keys that count at once.
const LIVE: [&str; 10] = [
    "app.access_code",
    "app.email_domains",
    "app.reclaim",
    "limits.claims_per_address",
    "limits.form_per_address",
    "limits.form_per_email",
    "limits.max_vms",
    "limits.places_per_address",
    "limits.requests_per_vm",
    "limits.unknown_vms",
];

/// What goes by the configuration and can be told of a change.
pub struct Live {
    pub pool: Arc<Pool>,
    pub form_limits: Arc<FormLimits>,
    pub agent_limits: Arc<AgentLimits>,
    pub notices: Arc<StandingNotices>,
}

/// Reads the configuration again when it is asked to.
pub struct Reload {
    args: ServeArgs,
    /// By which this process goes.
    config: Config,
    at_start: Written,
    live: Live,
}

impl Reload {
    pub fn new(args: ServeArgs, config: Config, live: Live) -> Result<Self> {
        let at_start = written(&args)?;
        Ok(Self { args, config, at_start, live })
    }

    /// Heeds SIGHUP from now on, for as long as the handle is held. With a terminal as standard input
    /// the signal says that the terminal has gone, and ends the process as it always does.
    pub fn begin(mut self) -> io::Result<Option<AbortOnDropHandle<()>>> {
        if io::stdin().is_terminal() {
            return Ok(None);
        }
        let mut asked = signal(SignalKind::hangup())?;
        Ok(Some(AbortOnDropHandle::new(tokio::spawn(async move {
            while asked.recv().await.is_some() {
                let told = self.read();
                self.live.notices.tell_of_reading(told);
            }
        }))))
    }

    /// What organisers have to be told of it.
    fn read(&mut self) -> Vec<String> {
        let read = load_to_serve(&self.args).and_then(|new| Ok((new, written(&self.args)?)));
        let (new, written) = match read {
            Ok(read) => read,
            Err(error) => {
                tracing::error!("the configuration has faults and was not taken: {error:#}");
                return vec![format!(
                    "The configuration was read again and has faults. Nothing was changed. \
                     Correct this, then send SIGHUP again: {error:#}"
                )];
            }
        };
        self.config = with_live(self.config.clone(), &new);
        self.live.apply(&self.config, self.args.agent_auth);
        let changed = self.at_start.differences(&written);
        let waiting: Vec<String> =
            changed.into_iter().filter(|key| !LIVE.contains(&key.as_str())).collect();
        let keys = waiting.join(", ");
        tracing::info!(need_a_restart = keys, "the configuration was read again");
        if waiting.is_empty() {
            return Vec::new();
        }
        vec![format!(
            "The configuration was read again. These settings have changed since LabLink started, \
             and count from its next start on: {keys}."
        )]
    }
}

impl Live {
    fn apply(&self, config: &Config, agent_auth: AgentAuth) {
        let Limits { form_per_address, form_per_email, requests_per_vm, .. } = config.limits;
        self.pool.set_rules(pool_rules(config, agent_auth));
        self.form_limits.set(form_per_address, form_per_email);
        self.agent_limits.set_requests(requests_per_vm);
    }
}

/// `config`, with those settings of `new` that count at once.
fn with_live(config: Config, new: &Config) -> Config {
    let connections_per_address = config.limits.connections_per_address;
    Config {
        limits: Limits { connections_per_address, ..new.limits.clone() },
        app: App {
            access_code: new.app.access_code,
            email_domains: new.app.email_domains.clone(),
            reclaim: new.app.reclaim,
            ..config.app
        },
        ..config
    }
}

fn written(args: &ServeArgs) -> Result<Written> {
    let file = config_file(&args.database);
    let yaml = fs::read_to_string(&file).with_context(|| format!("{} is gone", file.display()))?;
    Written::of(&yaml).map_err(|problem| anyhow!("{problem}"))
}
