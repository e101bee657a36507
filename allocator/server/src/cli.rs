use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use lablink_config::{Environment, validate_config};
use lablink_web::Sha256Sum;

const SECRETS: &str = "Secrets come by environment only, so that no process list shows them:
  DATABASE_URL    PostgreSQL server to use instead of the config's db section
  ADMIN_PASSWORD  organiser's password, instead of the config's
  DB_PASSWORD     database password, instead of the config's
  LABLINK_ACCESS_CODE  what participants enter beside their e-mail, instead of the config's
  LABLINK_METRICS_TOKEN  bearer token that /metrics asks for; without one everybody may look
  LABLINK_LOG_TOKEN  what the VMs' log forwarder shows
  LABLINK_SECRET_KEY  64 hexadecimal digits, the same for all allocators: seals typed AWS keys";

/// LabLink's allocator: hands out VMs to participants, and makes and removes them with Terraform.
#[derive(Debug, Parser)]
#[command(name = "lablink-allocator", version, args_conflicts_with_subcommands = true, after_help = SECRETS)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub serve: ServeArgs,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve the pages and the API, and carry out operations (the default).
    #[command(after_help = SECRETS)]
    Serve(Box<ServeArgs>),
    /// Check a configuration file.
    ValidateConfig(validate_config::Args),
    /// Bring the schema of a PostgreSQL server up to date, and end.
    #[command(after_help = SECRETS)]
    Migrate(DatabaseArgs),
    /// Read a password from standard input and print its hash for `app.admin_password_hash`.
    HashPassword,
    /// Print the `OpenAPI` document of the API, which a running allocator serves at /openapi.json.
    Openapi,
}

/// Where the configuration and the database are.
#[derive(Clone, Debug, Args)]
pub struct DatabaseArgs {
    /// Configuration file [default: config/config.yaml, then /config/config.yaml].
    #[arg(long, env = "LABLINK_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Folder of everything that is to outlive the process [default: /var/lib/lablink as root,
    /// else ~/.local/share/lablink].
    #[arg(long, env = "LABLINK_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Run a PostgreSQL of our own in the data directory even if the config has a db section.
    #[arg(long, env = "LABLINK_EMBEDDED_POSTGRES", value_parser = clap::builder::FalseyValueParser::new())]
    pub embedded_postgres: bool,
}

#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    pub database: DatabaseArgs,

    /// Address and port to listen on.
    #[arg(long, env = "LABLINK_LISTEN", value_name = "ADDRESS", default_value = "0.0.0.0:5000")]
    pub listen: SocketAddr,

    /// Where other allocators on the same database reach this one, by plain HTTP [default: where it
    /// listens, or the address that the database sees].
    #[arg(long, env = "LABLINK_OWN_ADDRESS", value_name = "ADDRESS")]
    pub own_address: Option<SocketAddr>,

    /// Name of this deployment: dev, test, ci-test or prod. Only dev takes default passwords.
    #[arg(long, env = "ENVIRONMENT", value_name = "NAME", default_value = "prod")]
    pub environment: Environment,

    /// The organiser's user name, instead of the config's.
    #[arg(long, env = "ADMIN_USER", value_name = "NAME")]
    pub admin_user: Option<String>,

    /// URL under which VMs and people reach this allocator, instead of the config's.
    #[arg(long, env = "ALLOCATOR_FQDN", value_name = "URL")]
    pub allocator_fqdn: Option<String>,

    /// Public address of this machine.
    #[arg(long, env = "ALLOCATOR_PUBLIC_IP", value_name = "ADDRESS")]
    pub allocator_public_ip: Option<String>,

    /// Log group of the VMs' start logs [default: lablink-cloud-init-ENVIRONMENT].
    #[arg(long, env = "CLOUD_INIT_LOG_GROUP", value_name = "NAME")]
    pub cloud_init_log_group: Option<String>,

    /// Whether agents must show a token; 'open' takes the original's clients, and anybody else.
    #[arg(long, env = "LABLINK_AGENT_AUTH", value_enum, default_value_t = AgentAuth::Required)]
    pub agent_auth: AgentAuth,

    /// Folder of Terraform's state, instead of the configuration's bucket [default: state in the
    /// data directory].
    #[arg(long, env = "LABLINK_STATE_DIR", value_name = "DIR")]
    pub state_dir: Option<PathBuf>,

    /// The Terraform program.
    #[arg(long, env = "LABLINK_TERRAFORM", value_name = "PROGRAM", default_value = "terraform")]
    pub terraform: PathBuf,

    /// Folder of LabLink's Terraform modules [default: terraform, then
    /// /usr/share/lablink/terraform].
    #[arg(long, env = "LABLINK_TERRAFORM_DIR", value_name = "DIR")]
    pub terraform_dir: Option<PathBuf>,

    /// Where machines that are registered by hand fetch the agent's program, instead of from here.
    #[arg(long, env = "LABLINK_AGENT_URL", value_name = "URL", requires = "agent_sha256")]
    pub agent_url: Option<String>,

    /// SHA-256 sum of the program at --agent-url: machines run no other. Several, for several kinds
    /// of machines, are joined by ','.
    #[arg(long, env = "LABLINK_AGENT_SHA256", value_name = "SUM", value_delimiter = ',')]
    pub agent_sha256: Vec<Sha256Sum>,

    /// The agent's program for local VMs, and for machines that are registered by hand [default:
    /// lablink-client beside this program].
    #[arg(long, env = "LABLINK_AGENT_PROGRAM", value_name = "PROGRAM")]
    pub agent_program: Option<PathBuf>,

    /// Form of the log on standard error.
    #[arg(long, env = "LABLINK_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum AgentAuth {
    Required,
    Open,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_agent_from_elsewhere_is_known_by_its_sum() {
        let url = ["lablink-allocator", "--agent-url", "https://dl.example.org/agent"];
        assert!(Cli::try_parse_from(url).is_err(), "nobody could check it");
        let (one, other) = ("ab".repeat(32), "cd".repeat(32));
        let sums = format!("--agent-sha256={one},{other}");
        let read = Cli::try_parse_from(url.into_iter().chain([sums.as_str()])).unwrap();
        assert_eq!(read.serve.agent_sha256.len(), 2);
        assert!(Cli::try_parse_from(url.into_iter().chain(["--agent-sha256=12"])).is_err());
    }

    #[test]
    fn serving_is_the_default() {
        let plain = Cli::parse_from(["lablink-allocator", "--listen", "127.0.0.1:1"]);
        assert!(plain.command.is_none());
        assert_eq!(plain.serve.listen.port(), 1);
    }
}
