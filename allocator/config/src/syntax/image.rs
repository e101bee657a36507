//! Names of container images, as the OCI distribution specification has them.

use super::{Parsed, expected};

/// A tag: at most 128 of letters, digits, `_`, `.` and `-`, with no `.` or `-` first. A digest
/// behind it, `@sha256:…`, keeps it from moving.
pub(crate) fn image_tag(text: &str) -> Parsed<String> {
    let (tag, digest) = match text.split_once('@') {
        Some((tag, digest)) => (tag, Some(digest)),
        None => (text, None),
    };
    if is_tag(tag) && digest.is_none_or(is_digest) {
        Ok(text.to_owned())
    } else {
        Err(expected("an image tag, such as linux-amd64-latest", text))
    }
}

/// A whole reference: `[host[:port]/]path[:tag][@sha256:digest]`.
pub(crate) fn image_reference(text: &str) -> Parsed<String> {
    if is_reference(text) {
        Ok(text.to_owned())
    } else {
        Err(expected("an image reference, such as ghcr.io/owner/image:tag", text))
    }
}

fn is_reference(text: &str) -> bool {
    let (name, digest) = match text.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (text, None),
    };
    // A colon after the last slash starts the tag; one before it belongs to a port.
    let (path, tag) = match name.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (name, None),
    };
    let path = match path.split_once('/') {
        Some((first, rest)) if is_host(first) => rest,
        _ => path,
    };
    path.split('/').all(is_component) && tag.is_none_or(is_tag) && digest.is_none_or(is_digest)
}

/// The first part of a reference is a host only if it looks like one: `library/x` has none.
fn is_host(text: &str) -> bool {
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    name.parse::<lablink_protocol::Hostname>().is_ok()
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
        && (name == "localhost" || name.contains('.') || port.is_some())
}

fn is_component(text: &str) -> bool {
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let inner =
        |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'.' | b'-');
    edge(text.bytes().next())
        && edge(text.bytes().last())
        && text.bytes().all(inner)
        && !text.contains("..")
}

fn is_tag(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    (1..=128).contains(&text.len())
        && text.bytes().all(inner)
        && !text.starts_with('.')
        && !text.starts_with('-')
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_follow_the_specification() {
        let pinned = format!("1.10@sha256:{}", "a".repeat(64));
        for text in ["linux-amd64-latest", "1.10", "_x", "sha-0a", &pinned] {
            assert!(image_tag(text).is_ok(), "{text}");
        }
        let long = "a".repeat(129);
        for text in ["", "-x", ".x", "a b", "a:b", "a@sha256:1", "$(reboot)", &long] {
            assert!(image_tag(text).is_err(), "{text}");
        }
    }

    #[test]
    fn references_follow_the_specification() {
        let digest = format!("ghcr.io/o/i:1@sha256:{}", "a".repeat(64));
        for text in ["ghcr.io/owner/image:tag", "ubuntu", "localhost:5000/x", "a/b__c:1", &digest] {
            assert!(image_reference(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "ghcr.io/{owner}/image:tag",
            "ghcr.io/Owner/image",
            "image:",
            "image name",
            "ghcr.io//image",
            "image@sha256:12",
            "host:port/image",
            "-v/image",
        ] {
            assert!(image_reference(text).is_err(), "{text}");
        }
    }
}
