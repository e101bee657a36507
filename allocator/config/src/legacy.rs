//! Keys of older versions, and of the original's newer template: refused with what to write instead
//! (contract §1.4).

use super::section::Section;

/// Keys of the time when a host name was put together from a zone, an application name and a
/// pattern.
pub(super) fn refuse_name_patterns(dns: &mut Section<'_>) {
    let parts = NameParts {
        pattern: dns.peek("pattern").unwrap_or_default(),
        app: dns.peek("app_name").unwrap_or("{app_name}"),
        subdomain: dns.peek("custom_subdomain").unwrap_or("{custom_subdomain}"),
        zone: dns.peek("domain").unwrap_or("{zone}"),
    };
    let name = match parts.pattern {
        "auto" => {
            format!("{} ({} for prod)", parts.host_name("{environment}"), parts.host_name("prod"))
        }
        _ => parts.host_name("prod"),
    };
    dns.retired(
        "pattern",
        &format!("remove it and write the whole host name, domain: {name}, instead"),
    );
    let part = "remove it, dns.domain now holds the whole host name";
    dns.retired("app_name", part);
    dns.retired("custom_subdomain", part);
    dns.retired("create_zone", "remove it, the zone of dns.domain has to exist beforehand");
}

/// What a host name was put together from.
pub(super) struct NameParts<'a> {
    pub pattern: &'a str,
    pub app: &'a str,
    /// Empty: the zone itself.
    pub subdomain: &'a str,
    pub zone: &'a str,
}

impl NameParts<'_> {
    /// The name that the allocator had in `environment`.
    pub fn host_name(&self, environment: &str) -> String {
        let parts = match self.pattern {
            "custom" => vec![self.subdomain, self.zone],
            "auto" if environment != "prod" => vec![environment, self.app, self.zone],
            _ => vec![self.app, self.zone],
        };
        let named: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        named.join(".")
    }
}

pub(super) fn refuse_staging(ssl: &mut Section<'_>) {
    ssl.retired("staging", "remove it; for plain HTTP write ssl.provider: none");
}

/// Keys that the original's template has gained since.
pub(super) fn refuse_template(file: &mut Section<'_>) {
    file.foreign(
        "environment",
        "remove it and start lablink-allocator with that word in ENVIRONMENT or --environment",
    );
    file.foreign(
        "monitoring",
        "remove the section; GET /metrics tells Prometheus how the pool is, and docs/monitoring has \
         alerts to start from",
    );
}

#[cfg(test)]
mod tests {
    use crate::Config;

    fn problem(yaml: &str) -> String {
        Config::parse(yaml).unwrap_err().to_string()
    }

    #[test]
    fn a_pattern_is_answered_with_the_name_that_it_made() {
        let dns = "enabled: true, app_name: lablink, domain: sleap.ai";
        let table = [
            (
                "pattern: auto",
                "domain: {environment}.lablink.sleap.ai (lablink.sleap.ai for prod),",
            ),
            ("pattern: app-only", "domain: lablink.sleap.ai,"),
            ("pattern: custom, custom_subdomain: a.b", "domain: a.b.sleap.ai,"),
        ];
        for (pattern, expected) in table {
            let found = problem(&format!("dns: {{{dns}, {pattern}}}"));
            assert!(found.contains("unknown key 'dns.pattern', of an older version"), "{found}");
            assert!(found.contains(expected), "{found}");
            assert!(found.contains("'dns.app_name'"), "{found}");
        }
    }

    #[test]
    fn keys_of_the_originals_template_say_what_to_do_instead() {
        let found = problem(
            "environment: prod\n\
             monitoring: {enabled: true, email: a@b.org, budget: {enabled: false}}\nprovder: aws",
        );
        let lines: Vec<&str> = found.lines().collect();
        assert_eq!(lines.len(), 3, "one for the whole section: {found}");
        for (line, key, advice) in [
            (lines[0], "'environment'", "ENVIRONMENT or --environment"),
            (lines[1], "'monitoring'", "/metrics"),
        ] {
            assert!(
                line.contains(&format!("unknown key {key}, of the original's template")),
                "{line}"
            );
            assert!(line.contains(advice), "{line}");
        }
        assert!(lines[2].contains("did you mean 'provider'?"));
    }

    #[test]
    fn every_key_of_older_versions_says_what_to_write_instead() {
        let found = problem(
            "dns: {app_name: x, custom_subdomain: y, create_zone: false}\nssl: {staging: true}",
        );
        assert_eq!(
            found,
            "  - line 1: unknown key 'dns.app_name', of an older version: remove it, dns.domain \
             now holds the whole host name\n  \
             - line 1: unknown key 'dns.custom_subdomain', of an older version: remove it, \
             dns.domain now holds the whole host name\n  \
             - line 1: unknown key 'dns.create_zone', of an older version: remove it, the zone of \
             dns.domain has to exist beforehand\n  \
             - line 2: unknown key 'ssl.staging', of an older version: remove it; for plain HTTP \
             write ssl.provider: none"
        );
    }
}
