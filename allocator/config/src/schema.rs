use lablink_core::pools::Desktop;

use super::{
    Allocator, App, Aws, Collect, Database, Dns, Eip, Health, History, Install, Limits, Local,
    Logs, Machine, Manual, ProviderKind, Proxy, Ssl, StartupScript, legacy, section::Section,
    syntax,
};

/// What the file says, with the schema's default for each key that it leaves out.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where VMs come from: `aws` (default), `local` or `manual`.
    pub provider: ProviderKind,
    /// What this deployment is called among others of an account; none: nothing.
    pub deployment_name: Option<String>,
    /// The Postgres server; none if the file has no `db` section.
    pub db: Option<Database>,
    pub machine: Machine,
    /// How participants see their desktop; none: that follows from how agents prove who they are.
    pub desktop: Option<Desktop>,
    pub app: App,
    pub aws: Aws,
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
    pub(super) fn read(file: &mut Section<'_>) -> Self {
        legacy::refuse_template(file);
        let has_db = file.has("db");
        // Such files are of the original, whose participants bring a command.
        let original = file.has("machine").then_some(Desktop::ChromeRemoteDesktop);
        let app = file.section("app", App::read);
        Self {
            provider: file.value("provider", ProviderKind::parse).unwrap_or(ProviderKind::Aws),
            deployment_name: file.value("deployment_name", syntax::deployment_name),
            // Read in any case, so that its keys are known.
            db: Some(file.section("db", Database::read)).filter(|_| has_db),
            machine: file.section("machine", |machine| Machine::read(machine, &app.region)),
            desktop: file.value("desktop", syntax::desktop).or(original),
            app,
            aws: file.section("aws", Aws::read),
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
}
