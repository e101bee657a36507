//! Rules over several keys (contract §1.3, rules 5 to 11, and those added there).

use std::path::Path;

use lablink_protocol::Hostname;

use super::{
    Collect, Config, DatabaseKind, EipStrategy, Environment, Health, ProviderKind, SslProvider,
    client_images, startup_script, syntax::expected,
};

/// Every rule that `config` breaks, as one sentence each. `file` is where it was read from.
pub(super) fn broken(config: &Config, file: Option<&Path>) -> Vec<String> {
    let mut broken = Vec::new();
    broken.extend(domain(config));
    broken.extend(ssl(config));
    broken.extend(certificate_region(config));
    broken.extend(machine_region(config));
    broken.extend(database_tls(config));
    broken.extend(several_allocators(config));
    broken.extend(health(config));
    broken.extend(unfit_script(config, file));
    broken.extend(collect(config));
    broken
}

fn domain(config: &Config) -> Vec<String> {
    let domain = config.dns.domain.as_str();
    if domain.is_empty() {
        let missing = "dns.enabled is true, so the domain field (dns.domain) must hold the \
                       allocator's whole host name";
        return if config.dns.enabled { vec![missing.to_owned()] } else { Vec::new() };
    }
    let mut broken = Vec::new();
    if domain.starts_with('.') {
        broken.push(format!("dns.domain cannot start with a dot: '{domain}'"));
    }
    if domain.ends_with('.') {
        broken.push(format!("dns.domain cannot end with a dot: '{domain}'"));
    }
    if broken.is_empty() && domain.parse::<Hostname>().is_err() {
        let form = "a host name such as lablink.example.org, without scheme, port or path";
        broken.push(format!("dns.domain is not a name: {}", expected(form, domain)));
    }
    broken
}

fn ssl(config: &Config) -> Vec<String> {
    let (dns, ssl) = (&config.dns, &config.ssl);
    let mut broken = Vec::new();
    if ssl.provider != SslProvider::None && !dns.enabled {
        broken.push(format!(
            "SSL requires DNS: ssl.provider is {}, so set dns.enabled: true and dns.domain, or \
             ssl.provider: none",
            ssl.provider
        ));
    }
    match ssl.provider {
        SslProvider::LetsEncrypt if ssl.email.is_empty() => broken.push(
            "Let's Encrypt requires email: set ssl.email to an address that it may write to".into(),
        ),
        SslProvider::Acm if ssl.certificate_arn.is_empty() => broken.push(
            "ACM provider requires certificate_arn: set ssl.certificate_arn to the certificate's \
             ARN"
            .into(),
        ),
        SslProvider::Cloudflare if dns.terraform_managed => broken.push(
            "CloudFlare requires terraform_managed=false: its DNS record is made at Cloudflare, so \
             set dns.terraform_managed: false"
                .into(),
        ),
        SslProvider::None
        | SslProvider::LetsEncrypt
        | SslProvider::Cloudflare
        | SslProvider::Acm => {}
    }
    broken
}

/// A load balancer takes certificates of its own region only.
fn certificate_region(config: &Config) -> Option<String> {
    let found = config.ssl.certificate_arn.split(':').nth(3)?;
    let region = &config.app.region;
    (found != region).then(|| {
        format!(
            "ssl.certificate_arn is a certificate in {found}, but app.region is {region}: the \
             regions must be the same"
        )
    })
}

/// VMs, and what they are encrypted with, are in one region.
fn machine_region(config: &Config) -> Vec<String> {
    let region = config.app.region.as_str();
    let elsewhere = config.machine.zones.iter().filter(|zone| !zone.starts_with(region));
    let mut broken: Vec<String> = elsewhere
        .map(|zone| format!("machine.zones: {zone} is not in app.region, {region}"))
        .collect();
    let key = config.machine.kms_key_id.as_deref();
    if let Some(found) = key.and_then(|arn| arn.split(':').nth(3)).filter(|it| *it != region) {
        broken.push(format!(
            "machine.kms_key_id is a key in {found}, but app.region is {region}: the regions must \
             be the same"
        ));
    }
    broken
}

fn database_tls(config: &Config) -> Option<String> {
    let fault = config.db.as_ref()?.tls().err()?;
    Some(format!("db.{fault}"))
}

/// The same rule as in `infra/settings`.
fn several_allocators(config: &Config) -> Vec<String> {
    let count = config.allocator.count.get();
    if count == 1 {
        return Vec::new();
    }
    let mut broken = Vec::new();
    if config.db.as_ref().is_none_or(|db| db.kind != DatabaseKind::Rds) {
        broken.push(format!(
            "allocator.count is {count}, and each allocator would have a database of its own: set \
             db.kind: rds"
        ));
    }
    if config.ssl.provider != SslProvider::Acm {
        broken.push(format!(
            "allocator.count is {count}, and only a load balancer shares out requests: set \
             ssl.provider: acm"
        ));
    }
    if config.bucket_name.is_none() {
        broken.push(format!(
            "allocator.count is {count}, and each allocator would keep its VMs' state to itself: \
             set bucket_name"
        ));
    }
    if config.eip.strategy == EipStrategy::Persistent {
        broken.push(format!(
            "allocator.count is {count}, and one address can't be that of several hosts: remove \
             eip.strategy: persistent"
        ));
    }
    broken
}

fn health(config: &Config) -> Vec<String> {
    let health = &config.health;
    let mut broken = Vec::new();
    if health.suspect_after <= health.stale_after {
        broken.push(
            "health.suspect_after must be longer than health.stale_after: a VM is stale first"
                .into(),
        );
    }
    if health.overdue_after < Health::SOONEST_OVERDUE {
        broken
            .push("health.overdue_after must be at least 1m: a machine needs time to start".into());
    }
    broken
}

fn collect(config: &Config) -> Vec<String> {
    let collect = &config.collect;
    let mut broken = Vec::new();
    if collect.at_once.get() > Collect::MOST_AT_ONCE {
        broken.push(format!(
            "collect.at_once is at most {}: each VM takes a connection and its share of memory",
            Collect::MOST_AT_ONCE
        ));
    }
    if collect.stall() > collect.longest_per_vm() {
        broken.push(
            "collect.stall_seconds must not be longer than collect.minutes_per_vm: a VM that \
             takes too long in all is given up anyway"
                .into(),
        );
    }
    broken
}

fn unfit_script(config: &Config, file: Option<&Path>) -> Option<String> {
    let script = &config.startup_script;
    if !script.enabled {
        return None;
    }
    if script.path.is_empty() {
        return Some(
            "startup_script.enabled is true, so startup_script.path must name the script".into(),
        );
    }
    let path = &script.path;
    let Some(found) = script.find(file?) else {
        return Some(format!(
            "startup_script.path: the file '{path}' does not exist; it is looked for from the \
             folder above the configuration's and from that folder itself"
        ));
    };
    startup_script::flaw(&found).map(|flaw| format!("startup_script.path: '{path}' {flaw}"))
}

/// Passwords, PINs and links of a real class, readable on the way.
pub(super) fn plain_http(config: &Config, environment: &Environment) -> Option<String> {
    let clear = config.ssl.provider == SslProvider::None && !config.ssl.plain_http;
    (clear && environment.as_str() == "prod" && config.provider == ProviderKind::Aws).then(|| {
        "ssl.provider is none, so passwords, PINs and links of 'prod' would go over the network in \
         clear: set ssl.provider: letsencrypt, cloudflare or acm, with a name in dns.domain; or, if \
         everybody may read them, ssl.plain_http: true"
            .to_owned()
    })
}

/// No VM can be made from the image.
pub(super) fn image(config: &Config) -> Option<String> {
    let aws = config.provider == ProviderKind::Aws;
    client_images::unfit(&config.machine.ami_id, &config.app.region).filter(|_| aws)
}

/// The form is open to strangers.
pub(super) fn open_form(config: &Config) -> Option<String> {
    let domains = match config.app.email_domains.is_empty() {
        true => "",
        false => " (app.email_domains keeps out nobody who makes up an address)",
    };
    config.app.access_code.is_none().then(|| {
        format!(
            "anybody who reaches the allocator can take machines and places in line: set \
             app.access_code and tell it to the class{domains}"
        )
    })
}

/// Settings that are accepted and do nothing, as one sentence each.
pub(super) fn without_effect(config: &Config) -> Vec<String> {
    let mut idle = Vec::new();
    if let Some(db) = &config.db {
        let old = [("table_name", &db.table_name), ("message_channel", &db.message_channel)];
        for (key, _) in old.iter().filter(|(_, value)| value.is_some()) {
            idle.push(format!("db.{key} has no effect any more: remove it"));
        }
    }
    if config.aws.external_id.is_some() && config.aws.role_arn.is_none() {
        idle.push("aws.external_id has no effect without aws.role_arn".to_owned());
    }
    if config.machine.spot_max_price.is_some() && !config.machine.spot {
        idle.push("machine.spot_max_price has no effect without machine.spot: true".to_owned());
    }
    let local = &config.local;
    if config.provider != ProviderKind::Local && (local.warm > 0 || local.stop_with_allocator) {
        idle.push(format!(
            "the section local has no effect with provider: {}; it needs provider: local",
            config.provider
        ));
    }
    idle
}

#[cfg(test)]
mod tests;
