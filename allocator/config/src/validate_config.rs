//! The command `validate-config`, also called `lablink-validate-config` (contract §1.5).

use std::{
    ffi::OsStr,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use super::{Config, ConfigError, Environment, Problem, Problems, github, locate};

/// Arguments of the command; clap answers wrong ones with status 2.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file to check [default: config/config.yaml, else /config/config.yaml].
    #[arg(value_name = "PATH")]
    pub config_path: Option<PathBuf>,

    /// The environment that it is for: some settings are refused in `prod` alone.
    #[arg(long, env = "ENVIRONMENT", value_name = "NAME")]
    pub environment: Option<Environment>,

    /// How faults are told: as text, or as annotations of a GitHub workflow.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,

    /// Also tell what is read and found.
    #[arg(short, long)]
    pub verbose: bool,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Format {
    Text,
    Github,
}

/// The whole command line of a binary that is called [`NAME`].
#[derive(Debug, clap::Parser)]
#[command(name = NAME, about = "Checks a LabLink configuration: exit status 0 valid, 1 invalid.")]
pub struct Cli {
    #[command(flatten)]
    pub args: Args,
}

/// The name under which deployments call the validator.
pub const NAME: &str = "lablink-validate-config";

/// Whether `argv0` says that the program was started as the validator.
pub fn is_called_by(argv0: &OsStr) -> bool {
    Path::new(argv0).file_name() == Some(OsStr::new(NAME))
}

/// Checks the file and writes the verdict to `out`, warnings and details to `log`. The status is
/// 0 for a valid file, 1 for an invalid one. Fails only if `out` or `log` does.
pub fn run(args: &Args, out: &mut impl Write, log: &mut impl Write) -> io::Result<ExitCode> {
    let path = locate(args.config_path.as_deref(), None, None);
    if args.verbose {
        writeln!(log, "[INFO] Reading {}", path.display())?;
    }
    match load(&path, args.environment.as_ref()) {
        Ok(config) => {
            writeln!(out, "[PASS] Config validation passed")?;
            for warning in config.warnings() {
                match args.format {
                    Format::Text => writeln!(log, "[WARN] {warning}")?,
                    Format::Github => github::warning(out, &path, &warning)?,
                }
            }
            if args.verbose {
                writeln!(log, "[INFO] {}", summary(&config))?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            if let Format::Github = args.format {
                faults(&error).iter().try_for_each(|fault| github::error(out, &path, fault))?;
            }
            writeln!(out, "[FAIL] {}", report(&error))?;
            Ok(ExitCode::FAILURE)
        }
    }
}

fn load(path: &Path, environment: Option<&Environment>) -> Result<Config, ConfigError> {
    let config = Config::load(path)?;
    match environment.and_then(|environment| config.plain_http_in(environment)) {
        None => Ok(config),
        Some(message) => Err(ConfigError::Invalid {
            path: path.to_owned(),
            problems: Problems(vec![Problem::from(message)]),
        }),
    }
}

fn faults(error: &ConfigError) -> Vec<Problem> {
    match error {
        ConfigError::Invalid { problems, .. } => problems.0.clone(),
        other => vec![Problem::from(report(other))],
    }
}

fn report(error: &ConfigError) -> String {
    match error {
        ConfigError::NotFound(path) => format!("Config file not found: {}", path.display()),
        ConfigError::NotAFile(path) => format!("Config path is not a file: {}", path.display()),
        ConfigError::Unreadable { source, .. } => format!("{error}: {source}"),
        ConfigError::Invalid { path, problems } => {
            format!("Config validation failed: {}\n{problems}", path.display())
        }
    }
}

fn summary(config: &Config) -> String {
    let dns = if config.dns.enabled { config.dns.domain.as_str() } else { "off" };
    format!("provider {}, dns {dns}, ssl {}", config.provider, config.ssl.provider)
}
