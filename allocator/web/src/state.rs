use std::{path::PathBuf, sync::Arc, time::Duration};

use lablink_checks::Checkup;
use lablink_core::{
    Actor, Db, Scope, SecretKey, TokenHash,
    claims::{Deliveries, Intake, Looks},
    collections::Collector,
    live::Hub,
    logs::FromAws,
    operations::Kinds,
    pools::Pool,
    preflight::Preflight,
    secrets::AwsLogin,
    ssh::FitAddresses,
    tasks::Board,
};
use metrics_exporter_prometheus::PrometheusHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    AgentLimits, Channels, OwnLog, Transfers, Waits,
    attempts::{AdminLogin, Browsers, CodeGuesses, FormLimits},
    http::{Client, Proxies, Scheme},
    sha256_sum::Sha256Sum,
    standing_notices::StandingNotices,
};

/// What every handler can reach. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    pub db: Db,
    /// Connections reserved for waiting agents, so that an agent whose VM is claimed does not queue
    /// behind other requests.
    pub hand_over_db: Db,
    /// Connections reserved for all other requests of VMs, so that participants never wait for
    /// those.
    pub agents_db: Db,
    pub agent_limits: Arc<AgentLimits>,
    /// The one pool that there is, with its rules.
    pub pool: Arc<Pool>,
    /// Participants' requests for VMs on their way to the database.
    pub intake: Intake,
    /// Waiting agents that look whether their VMs are claimed.
    pub looks: Looks,
    /// Notes of what those have fetched.
    pub deliveries: Deliveries,
    pub hub: Hub,
    /// The ways to machines that go through this process.
    pub channels: Channels,
    /// The waits of agents for their claims.
    pub waits: Waits,
    pub admin: Arc<AdminLogin>,
    pub metrics: PrometheusHandle,
    /// Participants' browsers.
    pub browsers: Arc<Browsers>,
    pub form_limits: Arc<FormLimits>,
    pub code_guesses: Arc<CodeGuesses>,
    pub aws: Arc<AwsLogin>,
    /// What is asked before a launch. None: launches make no machines in a cloud.
    pub preflight: Option<Arc<Preflight>>,
    /// Fetches participants' results.
    /// What can be looked at of this deployment from here.
    pub checkup: Arc<Checkup>,
    pub collector: Arc<dyn Collector>,
    /// The transfers of archives to clients.
    pub transfers: Transfers,
    /// Seals what must not be read in the database; none: no SSH key can be taken.
    pub secret_key: Option<SecretKey>,
    /// The kinds of operations that are known here.
    pub kinds: Arc<Kinds>,
    /// The periodic tasks of this process, with their last runs.
    pub tasks: Board,
    pub settings: Arc<Settings>,
    pub own_log: OwnLog,
    /// Set when we were asked to stop: nobody new is to be sent here.
    pub stopping: CancellationToken,
    /// Set when the answers that run are to end: streams and waits.
    pub shutdown: CancellationToken,
}

/// Whether agents must show a token (`LABLINK_AGENT_AUTH`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentAuth {
    Required,
    /// As in the original: anybody may speak for a VM, and read its status.
    Open,
}

/// What a machine that is registered by hand installs.
#[derive(Clone, Debug)]
pub struct AgentInstall {
    /// None: nothing can be installed from here.
    pub program: Option<AgentProgram>,
    /// Whether script, program and token may go over plain HTTP to another machine.
    pub allow_http: bool,
}

/// Where the agent's program comes from.
#[derive(Clone, Debug)]
pub enum AgentProgram {
    /// A file on this machine: we serve it.
    Here(PathBuf),
    /// Somebody else serves it (`LABLINK_AGENT_URL`): one of these is its sum.
    Elsewhere { url: String, sums: Vec<Sha256Sum> },
}

/// How this allocator is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    pub environment: String,
    /// Sentences that organisers read on each of their pages until they act on them.
    pub notices: Arc<StandingNotices>,
    /// Where people reach this allocator, without a slash at the end, if that is configured.
    pub public_url: Option<String>,
    /// Where such a machine may be reached by SSH.
    pub ssh_addresses: FitAddresses,
    pub agent_auth: AgentAuth,
    /// The form is as it should be for trying LabLink out: nobody is warned that it is open to all.
    pub is_trial: bool,
    pub proxies: Proxies,
    /// The token that opens `/metrics` (`LABLINK_METRICS_TOKEN`); none: everybody may look.
    pub metrics_token: Option<TokenHash>,
    /// The log forwarder's token (`LABLINK_LOG_TOKEN`); none: nobody may forward for all VMs.
    pub log_token: Option<TokenHash>,
    pub logs_from_aws: FromAws,
    pub agent: AgentInstall,
    /// How often agents are asked to send heartbeats.
    pub heartbeat: Duration,
}

impl AppState {
    /// The scope of what `actor` does here. Requests of VMs have connections of their own.
    pub fn scope(&self, actor: Actor) -> Scope {
        let db = match actor {
            Actor::Agent(_) | Actor::OutgoingAgent(_) | Actor::UnprovenAgent | Actor::Forwarder => {
                &self.agents_db
            }
            Actor::Anyone | Actor::Admin(_) | Actor::Person(_) | Actor::System => &self.db,
        };
        Scope::new(db, &self.pool, actor)
    }

    /// Where the caller reaches us: as configured, else as it called us.
    pub(crate) fn origin(&self, client: &Client) -> String {
        let scheme = match client.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        let called = || client.host.as_ref().map(|host| format!("{scheme}://{host}"));
        self.settings.public_url.clone().or_else(called).unwrap_or_default()
    }

    /// What organisers are told where nothing keeps strangers from the form.
    pub(crate) fn open_form(&self) -> Option<&'static str> {
        let is_open = self.pool.rules().claiming.access_code.is_none() && !self.settings.is_trial;
        is_open.then_some(
            "Anybody who reaches this address can take machines and places in line. Set an access \
             code (app.access_code) and give it to the class. A list of e-mail domains does not \
             help, because anybody can make up an address.",
        )
    }
}
