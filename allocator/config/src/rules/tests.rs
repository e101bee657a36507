use crate::Config;

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
        ("dns: {enabled: true}", "dns.enabled is true, so the domain field (dns.domain) must hold"),
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
        ("health: {overdue_after: 59s}", "health.overdue_after must be at least 1m"),
        (
            "collect: {stall_seconds: 120, minutes_per_vm: 1}",
            "collect.stall_seconds must not be longer than collect.minutes_per_vm",
        ),
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
    let login = "app: {admin_password: tq-57-rx-901, access_code: seven}\n";
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

#[test]
fn a_form_that_is_open_to_all_is_a_warning_and_domains_alone_close_nothing() {
    let warnings = |app: &str| {
        let app = format!("provider: local\napp: {{admin_password: tq-57-rx-901{app}}}");
        Config::parse(&app).unwrap().warnings()
    };
    let open = warnings("");
    assert!(open.len() == 1 && open[0].contains("app.access_code"), "{open:?}");
    assert!(warnings(", email_domains: example.org")[0].contains("makes up an address"));
    assert_eq!(warnings(", access_code: seven"), [""; 0]);
}
