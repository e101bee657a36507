//! Keys of older versions: refused with what to write instead (contract §1.4).

use super::section::Section;

/// Once a host name was put together from a zone, an application name and a pattern.
pub(super) fn refuse_name_patterns(dns: &mut Section<'_>) {
    let zone = dns.peek("domain").unwrap_or("{zone}");
    let app = dns.peek("app_name").unwrap_or("{app_name}");
    let name = match dns.peek("pattern") {
        Some("auto") => format!("{{environment}}.{app}.{zone} ({app}.{zone} for prod)"),
        Some("custom") => {
            let subdomain = dns.peek("custom_subdomain").unwrap_or("{custom_subdomain}");
            format!("{subdomain}.{zone}")
        }
        _ => format!("{app}.{zone}"),
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

pub(super) fn refuse_staging(ssl: &mut Section<'_>) {
    ssl.retired("staging", "remove it; for plain HTTP write ssl.provider: none");
}
