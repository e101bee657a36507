use crate::{AdminCredential, Config};

fn problem(yaml: &str) -> String {
    Config::parse(yaml).unwrap_err().to_string()
}

#[test]
fn an_empty_file_is_all_defaults() {
    for yaml in ["", "# nothing\n", "---\n", "{}"] {
        let config = Config::parse(yaml).unwrap();
        assert_eq!(config.machine.machine_type, "g4dn.xlarge");
        assert!(config.db.is_none());
    }
}

#[test]
fn a_section_that_is_given_is_told_from_one_that_is_not() {
    let db = Config::parse("db: {}").unwrap().db.unwrap();
    assert_eq!((db.dbname.as_str(), db.port), ("lablink_db", 5432));
}

#[test]
fn texts_that_read_as_numbers_and_truth_values_are_taken() {
    let yaml = "db: {port: '5433'}\ndns: {enabled: 'no', terraform_managed: off}\n\
                limits: {form_per_email: '0'}\nstartup_script: {enabled: False}\n";
    let config = Config::parse(yaml).unwrap();
    assert_eq!(config.db.unwrap().port, 5433);
    assert!(!config.dns.enabled && !config.dns.terraform_managed);
    assert_eq!(config.limits.form_per_email, None);
}

#[test]
fn numbers_and_truth_values_are_taken_as_text_letter_by_letter() {
    let yaml = "app: {admin_password: 0123}\ndb: {password: 1e10}\nallocator: {image_tag: 1.10}";
    let config = Config::parse(yaml).unwrap();
    let AdminCredential::Password(password) = &config.app.admin else { panic!("a hash") };
    assert_eq!(password.expose(), "0123");
    assert_eq!(config.db.unwrap().password.expose(), "1e10");
    assert_eq!(config.allocator.image_tag, "1.10");
}

#[test]
fn null_is_a_value_for_the_repository_alone() {
    for yaml in
        ["machine: {repository: null}", "machine: {repository: }", "machine: {repository: ''}"]
    {
        assert_eq!(Config::parse(yaml).unwrap().machine.repository, None, "{yaml}");
    }
    let found = problem("machine:\n  image: null\ndns:\n");
    assert_eq!(
        found,
        "  - line 2: machine.image does not match the schema: it has no value; give it one, or \
         remove the key\n  - line 3: dns does not match the schema: expected a section of \
         keys, found nothing"
    );
}

#[test]
fn wrong_shapes_are_named() {
    let table = [
        ("db: 5", "db", "a section of keys, found one value"),
        ("provider: {a: 1}", "provider", "one value, found a section of keys"),
        ("dns: [a]", "dns", "a section of keys, found a list"),
        ("db: {host: [a]}", "db.host", "one value, found a list"),
        ("- a", "the file", "a section of keys, found a list"),
    ];
    for (yaml, subject, rest) in table {
        let expected = format!("  - line 1: {subject} does not match the schema: expected {rest}");
        assert_eq!(problem(yaml), expected);
    }
}

#[test]
fn a_value_of_the_wrong_kind_is_shown_with_what_was_expected() {
    let span = "a duration with its unit, such as 60s or 3m, found '60'";
    let table = [
        ("db: {port: many}", "db.port", "a port number from 1 to 65535, found 'many'"),
        ("dns: {enabled: maybe}", "dns.enabled", "true or false, found 'maybe'"),
        ("health: {stale_after: 60}", "health.stale_after", span),
        ("provider: gcp", "provider", "one of aws, local, manual, found 'gcp'"),
        (
            "ssl: {provider: le}",
            "ssl.provider",
            "one of none, letsencrypt, cloudflare, acm, found 'le'",
        ),
        ("eip: {strategy: x}", "eip.strategy", "one of dynamic, persistent, found 'x'"),
        (
            "startup_script: {on_error: x}",
            "startup_script.on_error",
            "one of continue, fail, found 'x'",
        ),
        (
            "startup_script: {attempts: 11}",
            "startup_script.attempts",
            "a whole number from 1 to 10, found '11'",
        ),
        ("app: {reclaim: x}", "app.reclaim", "one of link, email, found 'x'"),
        (
            "db: {sslmode: on}",
            "db.sslmode",
            "one of disable, prefer, require, verify-ca, verify-full, found 'on'",
        ),
        ("proxy: {header: via}", "proxy.header", "one of x-forwarded-for, forwarded, found 'via'"),
        ("db: {kind: aurora}", "db.kind", "one of embedded, rds, found 'aurora'"),
        ("allocator: {count: 0}", "allocator.count", "a whole number, 1 or more, found '0'"),
        ("limits: {max_vms: 0}", "limits.max_vms", "a whole number, 1 or more, found '0'"),
        ("local: {warm: -1}", "local.warm", "a whole number, 0 or more, found '-1'"),
    ];
    for (yaml, path, rest) in table {
        let expected = format!("  - line 1: {path} does not match the schema: expected {rest}");
        assert_eq!(problem(yaml), expected);
    }
}

#[test]
fn every_text_with_a_form_is_checked_against_it() {
    let table = [
        ("db.table_name", "db: {table_name: 'a b'}"),
        ("db.message_channel", "db: {message_channel: 'a;b'}"),
        ("db.user", "db: {user: 'a-b'}"),
        ("db.dbname", "db: {dbname: '1a'}"),
        ("machine.extension", "machine: {extension: 'a b'}"),
        ("machine.image", "machine: {image: 'a b'}"),
        ("machine.ami_id", "machine: {ami_id: i-1}"),
        ("machine.repository", "machine: {repository: '--help'}"),
        ("app.region", "app: {region: mars}"),
        ("app.admin_user", "app: {admin_user: 'a:b'}"),
        ("ssl.email", "ssl: {email: nobody}"),
        ("ssl.certificate_arn", "ssl: {certificate_arn: x}"),
        ("allocator.image_tag", "allocator: {image_tag: 'a b'}"),
        ("bucket_name", "bucket_name: A_B"),
    ];
    for (path, yaml) in table {
        let found = problem(yaml);
        let expected = format!("  - line 1: {path} does not match the schema: expected ");
        assert!(found.starts_with(&expected) && !found.contains('\n'), "{found}");
    }
}

#[test]
fn no_message_shows_a_secret() {
    let long = "hunter2".repeat(20);
    let found = problem(&format!(
        "app: {{admin_password: {long}, admin_password_hash: {long}}}\ndb: {{password: [hunter2]}}"
    ));
    assert_eq!(found.lines().count(), 4, "{found}");
    assert!(!found.contains("hunter2"), "{found}");
    let config = Config::parse("app: {admin_password: hunter2}\ndb: {password: hunter2}");
    assert!(!format!("{config:?}").contains("hunter2"));
}
