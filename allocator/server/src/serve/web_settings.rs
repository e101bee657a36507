use std::{net::SocketAddr, sync::Arc, time::Duration};

use lablink_config::Config;
use lablink_core::Token;
use lablink_web::{AgentAuth, AgentInstall, AgentProgram, Proxies, Settings, StandingNotices};

use super::{agent_program::agent_program, settings::variable};
use crate::cli::{self, ServeArgs};

/// How often agents are asked for a sign of life.
pub const HEARTBEAT: Duration = Duration::from_secs(20);

/// The agent's program for machines to fetch, if there is one.
fn fetched_agent(args: &ServeArgs) -> Option<AgentProgram> {
    if let Some(url) = args.agent_url.clone() {
        return Some(AgentProgram::Elsewhere { url, sums: args.agent_sha256.clone() });
    }
    agent_program(args).ok().filter(|path| path.is_file()).map(AgentProgram::Here)
}

/// What organisers are told where people reach this allocator without TLS from other machines.
fn plain_http(public_url: Option<&str>, listen: SocketAddr) -> Option<String> {
    let host = public_url.map(|url| url.trim_start_matches("http://"));
    let is_loopback = |host: &str| {
        let name = host.trim_start_matches('[').split([':', ']', '/']).next().unwrap_or_default();
        name == "localhost" || host.starts_with("[::1]") || name.starts_with("127.")
    };
    let clear = match (public_url, host) {
        (Some(url), Some(host)) => url.starts_with("http://") && !is_loopback(host),
        _ => !listen.ip().is_loopback(),
    };
    clear.then(|| {
        "LabLink is served over plain HTTP: the admin password, PINs and claim links can be read by \
         anybody on the way. Give it a name and TLS (dns.domain and ssl.provider, or a proxy of \
         your own and an https:// URL in ALLOCATOR_FQDN)."
            .to_owned()
    })
}

/// The settings that the pages and the API need.
pub fn web_settings(args: &ServeArgs, config: &Config) -> Settings {
    let public_url =
        config.allocator_url(args.allocator_fqdn.as_deref(), args.allocator_public_ip.as_deref());
    Settings {
        environment: args.environment.to_string(),
        // A short password is fine on a developer's own machine.
        notices: Arc::new(StandingNotices::new(match args.environment.is_dev() {
            true => Vec::new(),
            false => config
                .app
                .admin
                .warning()
                .into_iter()
                .chain(plain_http(public_url.as_deref(), args.listen))
                .collect(),
        })),
        public_url,
        ssh_addresses: config.manual.ssh_addresses,
        agent_auth: match args.agent_auth {
            cli::AgentAuth::Required => AgentAuth::Required,
            cli::AgentAuth::Open => {
                tracing::warn!(
                    "LABLINK_AGENT_AUTH=open: anybody who reaches this address can speak for a VM"
                );
                AgentAuth::Open
            }
        },
        log_token: variable("LABLINK_LOG_TOKEN").map(|token| Token::presented(token.trim()).hash()),
        logs_from_aws: config.logs.from_aws,
        is_trial: args.environment.is_dev(),
        proxies: Proxies {
            trusted: config.proxy.trusted.clone(),
            header: config.proxy.header,
            hops: config.proxy.hops,
        },
        metrics_token: variable("LABLINK_METRICS_TOKEN")
            .map(|token| Token::presented(&token).hash()),
        agent: AgentInstall { program: fetched_agent(args), allow_http: config.install.allow_http },
        heartbeat: HEARTBEAT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_told_unless_it_stays_on_this_machine() {
        let told = |url: Option<&str>, listen: &str| plain_http(url, listen.parse().unwrap());
        let (all, own) = ("0.0.0.0:5000", "127.0.0.1:5000");
        assert!(told(Some("http://203.0.113.7"), own).unwrap().contains("plain HTTP"));
        assert!(told(Some("http://lab.example.org:8080"), all).is_some());
        assert!(told(None, all).is_some());
        for safe in [
            told(Some("https://lab.example.org"), all),
            told(Some("http://127.0.0.1:5000"), all),
            told(Some("http://localhost:5000"), all),
            told(Some("http://[::1]:5000"), all),
            told(None, own),
        ] {
            assert_eq!(safe, None);
        }
    }
}
