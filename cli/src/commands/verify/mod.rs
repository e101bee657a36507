#[cfg(feature = "aws")]
mod account;

use anyhow::{Result, bail};
use clap::Args;
use jiff::Timestamp;
use lablink_checks::{Checked, Checkup, Code, Finding, Report, Roots, Way, clock, told_time};
use lablink_config::{Config, Environment};
use reqwest::Url;

use crate::{
    errors::WrongCall,
    output::Output,
    server::{Connection, Refusal},
};

#[derive(Debug, Args)]
#[command(after_help = "\
It looks from here (the name, the port, the certificate, the allocator's answer, the clock) and asks the
allocator for what it sees itself. With --config it looks at AWS as well. `lablink doctor CODE` tells what
to do.

Example:
  lablink verify
  lablink verify --config config/config.yaml --environment prod")]
pub struct Verify {
    /// The deployment's configuration: with it, AWS is asked for credentials, bucket, lock and host.
    #[arg(long, env = "LABLINK_CONFIG", value_name = "FILE")]
    config: Option<std::path::PathBuf>,
    /// The environment of that deployment.
    #[arg(long, env = "ENVIRONMENT", default_value = "prod", value_name = "NAME")]
    environment: Environment,
}

impl Verify {
    pub async fn run(self, connection: &Connection, output: &Output) -> Result<()> {
        let config = match &self.config {
            Some(file) => Some(Config::load(file)?),
            None => None,
        };
        let url = url(connection, config.as_ref())?;
        let deployment = config.as_ref().map(|config| (config, &self.environment));
        let report = look(&url, deployment, connection).await;
        output.answer(&report, Report::to_string)?;
        match report.first_broken() {
            None => Ok(()),
            Some(first) => bail!("{} is broken: `lablink doctor {0}`", first.code),
        }
    }
}

/// Looks from here, at AWS if the deployment is known, and asks the allocator for what it sees.
pub async fn look(
    url: &Url,
    deployment: Option<(&Config, &Environment)>,
    connection: &Connection,
) -> Report {
    let mut checkup = Checkup::default();
    if let Some((config, environment)) = deployment {
        account::add_to(&mut checkup, config, environment).await;
    }
    add_way(&mut checkup, url);
    let mut report = checkup.run().await;
    let ready = report.checks.iter().any(|it| it.code == Code::Ready && it.is_well());
    report.join(if ready { told_by(connection).await } else { not_asked() });
    report
}

/// Where the allocator is: as it was said, as the configuration names it, or as it was stored last.
fn url(connection: &Connection, config: Option<&Config>) -> Result<Url> {
    let named = connection.server.clone().or_else(|| config?.allocator_url(None, None));
    let text = match named {
        Some(text) => text,
        None => connection.open()?.url().to_owned(),
    };
    let fault = |_| WrongCall(format!("'{text}' is no URL such as https://lablink.example.org"));
    Ok(text.parse().map_err(fault)?)
}

fn add_way(checkup: &mut Checkup, url: &Url) {
    Way { url: url.clone(), roots: Roots::System }.add_to(checkup);
    let url = url.clone();
    checkup.check(Code::Clock, &[Code::Port, Code::Tls], move || {
        let url = url.clone();
        async move {
            match told_time(&url, &Roots::System).await {
                Some(theirs) => clock("the allocator's", theirs, Timestamp::now()),
                None => Finding::skipped("The allocator does not tell its time."),
            }
        }
    });
}

/// What the allocator sees itself.
async fn told_by(connection: &Connection) -> Report {
    let asked = async { connection.open()?.get::<Report>("/api/doctor").await };
    let login = |finding| Checked { code: Code::Login, finding };
    match asked.await {
        Ok(mut report) => {
            report.join(Report { checks: vec![login(Finding::well("The login is taken."))] });
            report
        }
        Err(error) if error.is::<Refusal>() => Report {
            checks: vec![login(Finding::broken(
                format!("The allocator does not take the login: {error:#}."),
                "Store the right one: lablink login URL.",
            ))],
        },
        Err(error) => Report {
            checks: vec![login(Finding::broken(
                format!("The allocator could not be asked: {error:#}."),
                "Store a login: lablink login URL.",
            ))],
        },
    }
}

fn not_asked() -> Report {
    let finding = Finding::skipped(format!("It rests on '{}'.", Code::Ready));
    Report { checks: vec![Checked { code: Code::Login, finding }] }
}

#[cfg(not(feature = "aws"))]
mod account {
    use lablink_checks::{Checkup, Code, Finding};
    use lablink_config::{Config, Environment};

    #[expect(clippy::unused_async, reason = "as its twin with the feature")]
    pub async fn add_to(checkup: &mut Checkup, _config: &Config, _environment: &Environment) {
        checkup.check(Code::Identity, &[], || async {
            Finding::skipped("This program was built without AWS.")
        });
    }
}
