use lablink_config::{Config, ProviderKind};
use lablink_core::pools::{
    Claiming, Desktop, Machines, PerAddress, PlacesPerAddress, Results, Rules, Source, StaleAfter,
};

use crate::cli::AgentAuth;

/// The rules of the default pool, from the configuration. Clients of the original, which need no
/// token, know only Chrome Remote Desktop.
pub fn pool_rules(config: &Config, agent_auth: AgentAuth) -> Rules {
    Rules {
        claiming: Claiming {
            email_domains: config.app.email_domains.clone(),
            access_code: config.app.access_code,
            reclaim: config.app.reclaim,
            desktop: desktop(config, agent_auth),
            per_address: per_address(config),
        },
        machines: Machines {
            launched_from: match config.provider {
                ProviderKind::Local => Some(Source::Local),
                ProviderKind::Aws => Some(Source::Aws),
                ProviderKind::Manual => None,
            },
            description: match config.provider {
                ProviderKind::Local => "process on this machine that stands for a VM".to_owned(),
                ProviderKind::Aws => {
                    format!("{} on AWS in {}", config.machine.machine_type, config.app.region)
                }
                ProviderKind::Manual => "machines registered by hand".to_owned(),
            },
            most_per_launch: config.limits.max_vms.get(),
            most_unknown: config.limits.unknown_vms,
            software: config.machine.software.clone(),
            stale_after: StaleAfter(config.health.stale_after),
            after_use: config.manual.after_use,
        },
        results: Results { extension: config.machine.extension.clone() },
    }
}

fn desktop(config: &Config, agent_auth: AgentAuth) -> Desktop {
    let wanted = config.desktop.unwrap_or(match agent_auth {
        AgentAuth::Open => Desktop::ChromeRemoteDesktop,
        AgentAuth::Required => Desktop::Browser,
    });
    if wanted.is_in_tab() && !lablink_web::shows_desktops() {
        tracing::warn!(
            "this program was built without noVNC, so participants see their desktop by Chrome \
             Remote Desktop: run scripts/web-assets and build it again"
        );
        return Desktop::ChromeRemoteDesktop;
    }
    wanted
}

/// How many people of one address may wait or hold a machine. There is no limit where an access
/// code keeps strangers out.
fn per_address(config: &Config) -> PerAddress {
    let places = match (config.limits.places_per_address, config.app.access_code) {
        (Some(0), _) | (None, Some(_)) => PlacesPerAddress::Any,
        (Some(most), _) => PlacesPerAddress::AtMost(most),
        (None, None) => PlacesPerAddress::AsThePool,
    };
    PerAddress { places, claims: Some(config.limits.claims_per_address).filter(|most| *most > 0) }
}
