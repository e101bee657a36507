//! Rules over several keys (contract §1.3, rules 5 to 11, and those added there).

use std::path::Path;

use lablink_protocol::Hostname;

use super::{
    Collect, Config, DatabaseKind, EipStrategy, ProviderKind, SslProvider, syntax::expected,
};

/// Every rule that `config` breaks, as one sentence each. `file` is where it was read from.
pub(super) fn broken(config: &Config, file: Option<&Path>) -> Vec<String> {
    let mut broken = Vec::new();
    broken.extend(domain(config));
    broken.extend(ssl(config));
    broken.extend(certificate_region(config));
    broken.extend(database_tls(config));
    broken.extend(several_allocators(config));
    broken.extend(health(config));
    broken.extend(startup_script(config, file));
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

fn database_tls(config: &Config) -> Option<String> {
    let fault = config.db.as_ref()?.tls().err()?;
    Some(format!("db.{fault}"))
}

/// As `infra/settings` has it.
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

fn health(config: &Config) -> Option<String> {
    (config.health.suspect_after <= config.health.stale_after).then(|| {
        "health.suspect_after must be longer than health.stale_after: a VM is stale first".into()
    })
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

fn startup_script(config: &Config, file: Option<&Path>) -> Option<String> {
    let script = &config.startup_script;
    if !script.enabled {
        return None;
    }
    if script.path.is_empty() {
        return Some(
            "startup_script.enabled is true, so startup_script.path must name the script".into(),
        );
    }
    let missing = file.is_some_and(|file| script.find(file).is_none());
    missing.then(|| {
        format!(
            "startup_script.path: the file '{}' does not exist; it is looked for from the folder \
             above the configuration's and from that folder itself",
            script.path
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
mod tests {
    use crate::config::Config;

    fn problems(yaml: &str) -> Vec<String> {
        Config::parse(yaml).unwrap_err().0.into_iter().map(|problem| problem.message).collect()
    }

    const NAMED: &str = "dns: {enabled: true, domain: a.org}";

    #[test]
    fn each_rule_is_told_in_its_own_words() {
        let acm = |arn: &str| format!("{NAMED}\nssl: {{provider: acm, certificate_arn: '{arn}'}}");
        let elsewhere = acm("arn:aws:acm:eu-west-1:123456789012:certificate/1");
        let several = |more: &str| {
            let here = acm("arn:aws:acm:us-west-2:123456789012:certificate/1");
            format!("{here}\nbucket_name: class-state\nallocator: {{count: 2}}\n{more}")
        };
        let table = [
            (
                "dns: {enabled: true}",
                "dns.enabled is true, so the domain field (dns.domain) must hold",
            ),
            ("dns: {domain: .a.org}", "dns.domain cannot start with a dot: '.a.org'"),
            ("dns: {domain: a.org.}", "dns.domain cannot end with a dot: 'a.org.'"),
            ("dns: {domain: 'https://a.org'}", "dns.domain is not a name: expected a host name"),
            ("dns: {domain: 'a..org'}", "dns.domain is not a name"),
            (
                "ssl: {provider: letsencrypt, email: a@b.org}",
                "SSL requires DNS: ssl.provider is letsencrypt",
            ),
            (
                "dns: {enabled: true, domain: a.org}\nssl: {provider: letsencrypt}",
                "Let's Encrypt requires email",
            ),
            (&acm(""), "ACM provider requires certificate_arn"),
            (
                &elsewhere,
                "ssl.certificate_arn is a certificate in eu-west-1, but app.region is us-west-2",
            ),
            (
                "dns: {enabled: true, domain: a.org}\nssl: {provider: cloudflare}",
                "CloudFlare requires terraform_managed=false",
            ),
            ("db: {sslrootcert: /etc/ca.pem}", "db.sslrootcert has no effect with sslmode prefer"),
            ("db: {sslmode: verify-ca}", "db.sslrootcert is missing"),
            (
                &several("db: {kind: embedded}"),
                "allocator.count is 2, and each allocator would have a database of its own",
            ),
            (
                "bucket_name: class-state\ndb: {kind: rds}\nallocator: {count: 2}",
                "allocator.count is 2, and only a load balancer shares out requests",
            ),
            (
                &several("db: {kind: rds}").replace("bucket_name: class-state\n", ""),
                "allocator.count is 2, and each allocator would keep its VMs' state to itself",
            ),
            (
                &several("db: {kind: rds}\neip: {strategy: persistent}"),
                "allocator.count is 2, and one address can't be that of several hosts",
            ),
            ("health: {stale_after: 3m}", "health.suspect_after must be longer"),
            ("startup_script: {enabled: true}", "startup_script.path must name the script"),
        ];
        for (yaml, expected) in table {
            let found = problems(yaml);
            assert_eq!(found.len(), 1, "{yaml}: {found:?}");
            assert!(found[0].contains(expected), "{yaml}: {found:?}");
        }
    }

    #[test]
    fn several_allocators_share_a_database_behind_a_load_balancer() {
        let acm = "ssl: {provider: acm, \
                   certificate_arn: 'arn:aws:acm:us-west-2:123456789012:certificate/1'}";
        for yaml in ["db: {kind: rds}", "db: {kind: rds}\nallocator: {count: 1}"] {
            assert!(Config::parse(yaml).is_ok(), "{yaml}");
        }
        let several = format!(
            "{NAMED}\n{acm}\nbucket_name: class-state\ndb: {{kind: rds}}\nallocator: {{count: 3}}"
        );
        assert_eq!(Config::parse(&several).unwrap().allocator.count.get(), 3);
        // As `infra/host.tf` fills it in.
        let deployed = several.replace(
            "kind: rds",
            "kind: rds, host: x.rds.amazonaws.com, sslmode: verify-full, sslrootcert: /config/ca.pem",
        );
        assert!(Config::parse(&deployed).is_ok());
    }

    #[test]
    fn broken_rules_and_wrong_keys_are_told_together() {
        let found = problems("dns: {domain: .a.org., colour: red}\nssl: {provider: letsencrypt}");
        assert_eq!(found.len(), 5, "{found:?}");
    }

    #[test]
    fn settings_without_effect_are_warnings() {
        let warnings = |yaml: &str| Config::parse(yaml).unwrap().warnings();
        let login = "app: {admin_password: s3cret}\n";
        let found = warnings(&format!(
            "{login}db: {{password: s3cret, table_name: vms, message_channel: vm_updates}}\n\
             local: {{warm: 1}}"
        ));
        assert_eq!(
            found,
            [
                "db.table_name has no effect any more: remove it",
                "db.message_channel has no effect any more: remove it",
                "the section local has no effect with provider: aws; it needs provider: local",
            ]
        );
        assert_eq!(warnings(&format!("{login}provider: local\nlocal: {{warm: 1}}")), [""; 0]);
    }
}
