use super::{super::legacy::NameParts, Environment, Lines, Problem};

/// Takes all steps; gives what the file can't say.
pub(super) fn take(
    lines: &mut Lines,
    environment: Option<&Environment>,
) -> Result<Vec<String>, Problem> {
    let mut notes = Vec::new();
    let stated = lines.get("environment").map(str::to_owned);
    name(lines, stated.as_deref().or(environment.map(Environment::as_str)))?;
    staging(lines, &mut notes)?;
    if let Some(word) = &stated {
        lines.remove("environment")?;
        notes.push(format!(
            "The environment does not stand in the file: start lablink-allocator with \
             ENVIRONMENT={word}, and infra with resource_suffix={word}."
        ));
    }
    if lines.has("monitoring") {
        lines.remove("monitoring")?;
        notes.push(
            "What 'monitoring' made is not made any more: give infra alarm_topic_arn for alarms, \
             and see docs/monitoring for alerts."
                .to_owned(),
        );
    }
    for idle in ["db.table_name", "db.message_channel"] {
        lines.remove(idle)?;
    }
    notes.extend(address(lines, stated.as_deref()));
    Ok(notes)
}

const OF_NAME: [&str; 4] =
    ["dns.pattern", "dns.app_name", "dns.custom_subdomain", "dns.create_zone"];

/// The whole host name in place of its parts.
fn name(lines: &mut Lines, environment: Option<&str>) -> Result<(), Problem> {
    if !OF_NAME.iter().any(|key| lines.has(key)) {
        return Ok(());
    }
    let pattern = lines.get("dns.pattern").unwrap_or("auto");
    let zone = lines.get("dns.domain").unwrap_or_default();
    if pattern == "auto" && environment.is_none() && !zone.is_empty() {
        let message = "dns.pattern is auto, which made the host name from the environment: migrate \
                       again with --environment, such as --environment prod";
        return Err(Problem::from(message.to_owned()));
    }
    let parts = NameParts {
        pattern,
        app: lines.get("dns.app_name").filter(|app| !app.is_empty()).unwrap_or("lablink"),
        subdomain: lines.get("dns.custom_subdomain").unwrap_or_default(),
        zone,
    };
    let whole = parts.host_name(environment.unwrap_or("prod"));
    if !zone.is_empty() && whole != zone {
        lines.set("dns.domain", &format!("\"{whole}\""))?;
    }
    OF_NAME.iter().try_for_each(|key| lines.remove(key))
}

/// `staging: true` served plain HTTP.
fn staging(lines: &mut Lines, notes: &mut Vec<String>) -> Result<(), Problem> {
    let plain = lines
        .get("ssl.staging")
        .is_some_and(|text| matches!(text.to_ascii_lowercase().as_str(), "true" | "yes" | "on"));
    if plain && lines.get("ssl.provider").is_some_and(|provider| provider != "none") {
        lines.set("ssl.provider", "\"none\"")?;
        notes.push(
            "ssl.staging was true, which served plain HTTP, and so does ssl.provider: none. To \
             have TLS, take the earlier provider back."
                .to_owned(),
        );
    }
    lines.remove("ssl.staging")
}

/// A lasting address is found by its tags, and the template's newer name for it is another.
fn address(lines: &Lines, environment: Option<&str>) -> Option<String> {
    let deployment = lines.get("deployment_name").filter(|name| !name.is_empty())?;
    (lines.get("eip.strategy")? == "persistent").then(|| {
        let environment = environment.unwrap_or("{environment}");
        let prefix = lines.get("eip.tag_name").unwrap_or("lablink-eip");
        format!(
            "The lasting address is found by its tags: give it Name = \
             {prefix}-{deployment}-{environment} and Environment = {environment}."
        )
    })
}
