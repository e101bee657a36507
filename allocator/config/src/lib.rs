//! The allocator's configuration: one YAML file, with the process environment on top.
//!
//! ```text
//! file ─ yaml ─▶ tree ─ sections (with section, syntax) ─▶ Config ─ rules ─▶ Config or Problems
//! ```
//! [`migrate`] rewrites files of older versions, and [`Config::json_schema`] describes the file to
//! editors, from the same reading code.
//!
//! Every key is optional. Whatever is wrong is collected and reported together: unknown keys with
//! the nearest known one, values that don't fit, and rules over several keys. The keys and rules
//! are those of the deployment contract §1, with LabLink's own sections `provider`, `local`,
//! `manual`, `install`, `limits`, `proxy`, `health`, `logs`, `history`, `collect` and `aws` beside them.

mod admin;
mod client_images;
mod environment;
mod github;
mod json_schema;
mod legacy;
mod load;
pub mod migrate;
mod overrides;
mod placeholder;
mod problem;
mod rules;
mod schema;
mod secret;
mod section;
mod sections;
mod shipped;
mod startup_script;
mod syntax;
mod unknown;
mod url;
pub mod validate_config;
mod written;
mod yaml;

use std::path::Path;

pub use admin::{AdminCredential, AdminPassword, PasswordHash};
pub use environment::{Environment, InvalidEnvironment};
pub use load::{ConfigError, locate};
pub use overrides::Overrides;
pub use placeholder::startup_problems;
pub use problem::{Problem, Problems};
pub use schema::Config;
pub use secret::Secret;
pub use sections::{
    Allocator, App, Aws, Collect, Database, DatabaseKind, Dns, Eip, EipStrategy, Health, History,
    Install, Limits, Local, Logs, Machine, Manual, OnError, ProviderKind, Proxy, Ssl, SslProvider,
    StartupScript,
};
pub use url::unfit_url;
pub use written::Written;

use section::{Findings, Section};

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

    /// Why `environment` must not be deployed with this: in `prod`, what people type goes over the
    /// network in clear only where the file says that it may.
    pub fn plain_http_in(&self, environment: &Environment) -> Option<String> {
        rules::plain_http(self, environment)
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
        warnings.extend(rules::image(self));
        warnings.extend(self.without_effect());
        warnings
    }
}
