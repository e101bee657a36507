//! The allocator's configuration: one YAML file, with the process environment on top.
//!
//! ```text
//! file ─ yaml ─▶ tree ─ sections (with section, syntax) ─▶ Config ─ rules ─▶ Config or Problems
//! ```
//!
//! Every key is optional. Whatever is wrong is collected and reported together: unknown keys with
//! the nearest known one, values that don't fit, and rules over several keys. The keys and rules
//! are those of the deployment contract §1, with LabLink's own sections `provider`, `local`,
//! `manual`, `install`, `limits`, `proxy`, `health`, `logs`, `history` and `collect` beside them.

mod admin;
mod environment;
mod legacy;
mod load;
mod overrides;
mod placeholder;
mod problem;
mod rules;
mod secret;
mod section;
mod sections;
mod syntax;
mod unknown;
mod url;
pub mod validate_config;
mod yaml;

use std::path::Path;

pub use admin::{AdminCredential, AdminPassword, PasswordHash};
pub use environment::{Environment, InvalidEnvironment};
pub use load::{ConfigError, locate};
pub use overrides::Overrides;
pub use placeholder::startup_problems;
pub use problem::{Problem, Problems};
pub use secret::Secret;
pub use sections::{
    Allocator, App, Collect, Database, DatabaseKind, Dns, Eip, EipStrategy, Health, History,
    Install, Limits, Local, Logs, Machine, Manual, OnError, ProviderKind, Proxy, Reclaim, Ssl,
    SslProvider, StartupScript,
};
pub use url::unfit_url;

use section::{Findings, Section};

/// What the file says, with the schema's default for each key that it leaves out.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where VMs come from: `aws` (default), `local` or `manual`.
    pub provider: ProviderKind,
    /// The Postgres server; none if the file has no `db` section.
    pub db: Option<Database>,
    pub machine: Machine,
    pub app: App,
    pub dns: Dns,
    pub eip: Eip,
    pub ssl: Ssl,
    pub allocator: Allocator,
    /// S3 bucket of Terraform's state, for the environments that keep it there; none: on this
    /// machine.
    pub bucket_name: Option<String>,
    pub startup_script: StartupScript,
    pub local: Local,
    pub manual: Manual,
    pub install: Install,
    pub limits: Limits,
    pub proxy: Proxy,
    pub health: Health,
    pub logs: Logs,
    pub history: History,
    pub collect: Collect,
}

impl Config {
    /// Reads and checks `yaml`. Whether the startup script exists can't be told without the
    /// file's place: for that use [`Config::load`].
    pub fn parse(yaml: &str) -> Result<Self, Problems> {
        Self::check(yaml, None)
    }

    fn check(yaml: &str, file: Option<&Path>) -> Result<Self, Problems> {
        let tree = yaml::parse(yaml).map_err(|problem| Problems(vec![problem]))?;
        // An empty file is a file without keys.
        let tree = Some(tree).filter(|tree| !matches!(tree.shape, yaml::Shape::Null));
        let mut findings = Findings::default();
        let config = Section::read_all(String::new(), tree, &mut findings, Self::read);
        let mut problems = findings.into_problems();
        problems.extend(rules::broken(&config, file).into_iter().map(Problem::from));
        if problems.is_empty() { Ok(config) } else { Err(Problems(problems)) }
    }

    fn read(file: &mut Section<'_>) -> Self {
        legacy::refuse_template(file);
        let has_db = file.has("db");
        Self {
            provider: file.value("provider", ProviderKind::parse).unwrap_or(ProviderKind::Aws),
            // Read in any case, so that its keys are known.
            db: Some(file.section("db", Database::read)).filter(|_| has_db),
            machine: file.section("machine", Machine::read),
            app: file.section("app", App::read),
            dns: file.section("dns", Dns::read),
            eip: file.section("eip", Eip::read),
            ssl: file.section("ssl", Ssl::read),
            allocator: file.section("allocator", Allocator::read),
            bucket_name: file.value("bucket_name", syntax::bucket_name),
            startup_script: file.section("startup_script", StartupScript::read),
            local: file.section("local", Local::read),
            manual: file.section("manual", Manual::read),
            install: file.section("install", Install::read),
            limits: file.section("limits", Limits::read),
            proxy: file.section("proxy", Proxy::read),
            health: file.section("health", Health::read),
            logs: file.section("logs", Logs::read),
            history: file.section("history", History::read),
            collect: file.section("collect", Collect::read),
        }
    }

    /// Settings that are allowed but change nothing, as one sentence each.
    pub fn without_effect(&self) -> Vec<String> {
        rules::without_effect(self)
    }

    /// What is worth a second look though it is allowed, as one sentence each: placeholders,
    /// default and short passwords, keys without effect.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = placeholder::logins(self);
        warnings.extend(self.app.admin.warning());
        warnings.extend(placeholder::bucket(self));
        warnings.extend(rules::open_form(self));
        warnings.extend(self.without_effect());
        warnings
    }
}
