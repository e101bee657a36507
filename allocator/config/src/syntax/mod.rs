//! Forms of single values. Each function takes the text of a value and gives the value, or says
//! what it expected; one function per form, to be named where a key is read.

mod aws;
mod image;
mod name;
mod placeholder;
mod unfit;

pub(super) use aws::{
    ami_id, bucket_name, certificate_arn, key_arn, machine_type, price, region, role_arn,
    root_volume_gb, zone,
};
pub(super) use image::{image_reference, image_tag};
pub(super) use name::{
    basic_auth_user, deployment_name, email, extension, git_url, sql_identifier,
};
pub(super) use placeholder::is_placeholder;
pub(super) use unfit::{Form, Unfit};

use std::{num::NonZero, time::Duration};

use ipnet::IpNet;
use lablink_core::{AccessCode, EmailDomain, pools::Desktop};
use lablink_protocol::Hostname;

pub(super) type Parsed<T> = Result<T, Unfit>;

/// Any text.
pub(super) fn text(text: &str) -> Parsed<String> {
    Ok(text.to_owned())
}

pub(super) fn non_empty(text: &str) -> Parsed<String> {
    if text.trim().is_empty() { Err("it is empty".into()) } else { Ok(text.to_owned()) }
}

/// Text that fits into one line of a settings file.
pub(super) fn line(text: &str) -> Parsed<String> {
    if text.contains(char::is_control) {
        return Err("it must be one line, without tabs or other control characters".into());
    }
    non_empty(text)
}

/// The words of YAML 1.1, which the original accepted.
pub(super) fn boolean(text: &str) -> Parsed<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err(Unfit::expected(Form::Boolean, "true or false", text)),
    }
}

/// How participants see their desktop.
pub(super) fn desktop(text: &str) -> Parsed<Desktop> {
    let choices: Vec<(&str, Desktop)> =
        Desktop::ALL.iter().map(|desktop| (desktop.as_str(), *desktop)).collect();
    one_of(&choices, text)
}

pub(super) fn count(text: &str) -> Parsed<u32> {
    let form = Form::Number { least: 0, most: u32::MAX };
    text.parse().map_err(|_not_a_number| Unfit::expected(form, "a whole number, 0 or more", text))
}

pub(super) fn positive_count(text: &str) -> Parsed<NonZero<u32>> {
    let form = Form::Number { least: 1, most: u32::MAX };
    text.parse().map_err(|_not_a_number| Unfit::expected(form, "a whole number, 1 or more", text))
}

pub(super) fn port(text: &str) -> Parsed<u16> {
    let port: Option<NonZero<u16>> = text.parse().ok();
    let form = Form::Number { least: 1, most: u16::MAX.into() };
    port.map(NonZero::get)
        .ok_or_else(|| Unfit::expected(form, "a port number from 1 to 65535", text))
}

/// A time span with its unit: `60s`, `3m`, `1h 30m`.
pub(super) fn duration(text: &str) -> Parsed<Duration> {
    let span = text.parse::<jiff::SignedDuration>().ok().and_then(|span| span.try_into().ok());
    span.filter(|span: &Duration| !span.is_zero())
        .ok_or_else(|| expected("a duration with its unit, such as 60s or 3m", text))
}

/// Domains of e-mail addresses in any script, separated by commas or spaces.
pub(super) fn domains(text: &str) -> Parsed<Vec<EmailDomain>> {
    let read = |name: &str| {
        let domain: Option<EmailDomain> = name.trim_start_matches('@').parse().ok();
        let is_name = |domain: &EmailDomain| domain.to_string().parse::<Hostname>().is_ok();
        let wanted = || expected("domain names such as example.org, uni.example", text);
        domain.filter(is_name).ok_or_else(wanted)
    };
    listed(text).map(read).collect()
}

/// An access code, which participants are told and type by ear. It is a secret: no message shows
/// it.
pub(super) fn access_code(text: &str) -> Parsed<AccessCode> {
    text.parse().map_err(|_empty| "it is empty".into())
}

/// Addresses or networks, separated by commas or spaces.
pub(super) fn networks(text: &str) -> Parsed<Vec<IpNet>> {
    let read = |name: &str| match (name.parse::<IpNet>(), name.parse::<std::net::IpAddr>()) {
        (Ok(network), _) => Ok(network),
        (_, Ok(address)) => Ok(IpNet::from(address)),
        _ => Err(expected("addresses or networks such as 127.0.0.1, 10.0.0.0/8", text)),
    };
    listed(text).map(read).collect()
}

fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ']).filter(|item| !item.is_empty())
}

/// One word of a closed set.
pub(super) fn one_of<T: Copy>(choices: &[(&str, T)], text: &str) -> Parsed<T> {
    choices.iter().find(|(word, _)| *word == text).map(|(_, choice)| *choice).ok_or_else(|| {
        let words: Vec<String> = choices.iter().map(|(word, _)| (*word).to_owned()).collect();
        let what = format!("one of {}", words.join(", "));
        Unfit::expected(Form::Word(words), &what, text)
    })
}

/// For values that may be shown: never call it with a secret.
pub(super) fn expected(what: &str, found: &str) -> Unfit {
    Unfit::expected(Form::Text, what, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_values_are_read_as_yaml_1_1_writes_them() {
        assert!(["true", "Yes", "ON", "1"].map(boolean).iter().all(|it| *it == Ok(true)));
        assert!(["false", "No", "off", "0"].map(boolean).iter().all(|it| *it == Ok(false)));
        assert_eq!(
            boolean("maybe").unwrap_err().to_string(),
            "expected true or false, found 'maybe'"
        );
    }

    #[test]
    fn ports_are_in_range() {
        assert_eq!(port("65535"), Ok(65535));
        for text in ["0", "65536", "-1", "5432.0", "", "http"] {
            assert!(port(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_need_a_unit_and_a_length() {
        assert_eq!(duration("60s"), Ok(Duration::from_secs(60)));
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        for text in ["60", "0s", "-5s", "soon", ""] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn domains_are_read_in_every_script() {
        let read = domains("Example.org, @müller.example xn--mller-kva.example").unwrap();
        let names: Vec<String> = read.iter().map(EmailDomain::to_string).collect();
        assert_eq!(names, ["example.org", "xn--mller-kva.example", "xn--mller-kva.example"]);
        for text in ["exam_ple", "a..b", "@", "*.example.org"] {
            assert!(domains(text).is_err(), "{text}");
        }
        assert!(access_code("\u{200b} ").is_err() && access_code("Open sesame").is_ok());
    }

    #[test]
    fn a_closed_set_is_listed_in_the_message() {
        let choices = [("dynamic", 1), ("persistent", 2)];
        assert_eq!(one_of(&choices, "persistent"), Ok(2));
        assert_eq!(
            one_of(&choices, "static").unwrap_err().to_string(),
            "expected one of dynamic, persistent, found 'static'"
        );
    }
}
