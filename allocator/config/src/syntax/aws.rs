use super::placeholder::is_placeholder;
use super::{Parsed, expected};

/// An S3 bucket name (the rules for general purpose buckets), or a placeholder for one, which is
/// told of elsewhere.
pub(crate) fn bucket_name(text: &str) -> Parsed<String> {
    let edge = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'.' || b == b'-';
    let valid = (3..=63).contains(&text.len())
        && text.bytes().all(inner)
        && edge(text.bytes().next())
        && edge(text.bytes().last())
        && !text.contains("..")
        && text.parse::<std::net::Ipv4Addr>().is_err();
    let what = "an S3 bucket name: 3 to 63 of a-z, 0-9, '-' and '.', with a letter or digit at \
                both ends";
    if valid || is_placeholder(text) { Ok(text.to_owned()) } else { Err(expected(what, text)) }
}

pub(crate) fn ami_id(text: &str) -> Parsed<String> {
    let id = text.strip_prefix("ami-").unwrap_or_default();
    if !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric()) {
        Ok(text.to_owned())
    } else {
        Err(expected("the id of a machine image, which starts with ami-", text))
    }
}

/// Three or more words of a region's name, the last a number: `us-west-2`, `us-gov-east-1`.
pub(crate) fn region(text: &str) -> Parsed<String> {
    let parts: Vec<&str> = text.split('-').collect();
    let word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let valid = match parts.split_last() {
        Some((number, words)) => {
            words.len() >= 2 && words.iter().all(word) && number.parse::<u8>().is_ok()
        }
        None => false,
    };
    if valid {
        Ok(text.to_owned())
    } else {
        Err(expected("an AWS region, such as us-west-2", text))
    }
}

/// The ARN of an ACM certificate (`arn:{partition}:acm:{region}:{account}:certificate/{id}`), or
/// nothing.
pub(crate) fn certificate_arn(text: &str) -> Parsed<String> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let valid = match parts[..] {
        ["arn", partition, "acm", arn_region, account, resource] => {
            partition.starts_with("aws")
                && region(arn_region).is_ok()
                && account.len() == 12
                && account.bytes().all(|b| b.is_ascii_digit())
                && resource.strip_prefix("certificate/").is_some_and(|id| {
                    !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                })
        }
        _ => text.is_empty(),
    };
    let what = "the ARN of an ACM certificate, arn:aws:acm:REGION:ACCOUNT:certificate/ID";
    if valid { Ok(text.to_owned()) } else { Err(expected(what, text)) }
}

/// The ARN of a role (`arn:{partition}:iam::{account}:role/{path and name}`).
pub(crate) fn role_arn(text: &str) -> Parsed<String> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let valid = match parts[..] {
        ["arn", partition, "iam", "", account, resource] => {
            partition.starts_with("aws")
                && account.len() == 12
                && account.bytes().all(|b| b.is_ascii_digit())
                && resource.strip_prefix("role/").is_some_and(|name| {
                    let fits = |b: u8| b.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&b);
                    !name.is_empty() && !name.ends_with('/') && name.bytes().all(fits)
                })
        }
        _ => false,
    };
    let what = "the ARN of a role, arn:aws:iam::ACCOUNT:role/NAME";
    if valid { Ok(text.to_owned()) } else { Err(expected(what, text)) }
}

/// An EC2 instance type, as in `g4dn.xlarge`.
pub(crate) fn machine_type(text: &str) -> Parsed<String> {
    let word = |part: &str| {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !part.is_empty() && part.bytes().all(fits)
    };
    match text.split_once('.') {
        Some((family, size)) if word(family) && word(size) => Ok(text.to_owned()),
        _ => Err(expected("an EC2 instance type, such as g4dn.xlarge", text)),
    }
}

/// An availability zone: a region and a letter, or a local zone's longer name.
pub(crate) fn zone(text: &str) -> Parsed<String> {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let letter = text.bytes().last().is_some_and(|b| b.is_ascii_lowercase());
    if letter && text.bytes().all(fits) && text.matches('-').count() >= 2 {
        Ok(text.to_owned())
    } else {
        Err(expected("an availability zone, such as us-west-2a", text))
    }
}

/// A price as AWS takes it: digits, with others behind a point.
pub(crate) fn price(text: &str) -> Parsed<String> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    if digits(whole) && digits(rest) {
        Ok(text.to_owned())
    } else {
        Err(expected("a price in USD an hour, such as 0.25", text))
    }
}

/// The size of a disk, within the limits of EBS.
pub(crate) fn root_volume_gb(text: &str) -> Parsed<u32> {
    let size = text.parse().ok().filter(|size| (8..=16384).contains(size));
    size.ok_or_else(|| expected("a whole number of GiB from 8 to 16384", text))
}

/// The ARN of a KMS key (`arn:{partition}:kms:{region}:{account}:key/{id}`).
pub(crate) fn key_arn(text: &str) -> Parsed<String> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let valid = match parts[..] {
        ["arn", partition, "kms", arn_region, account, resource] => {
            partition.starts_with("aws")
                && region(arn_region).is_ok()
                && account.len() == 12
                && account.bytes().all(|b| b.is_ascii_digit())
                && resource.strip_prefix("key/").is_some_and(|id| {
                    !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                })
        }
        _ => false,
    };
    let what = "the ARN of a KMS key, arn:aws:kms:REGION:ACCOUNT:key/ID";
    if valid { Ok(text.to_owned()) } else { Err(expected(what, text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names_follow_s3() {
        for text in ["tf-state-lablink-allocator-bucket", "a.b-3", "lablink-YOUR-UNIQUE-SUFFIX"] {
            assert!(bucket_name(text).is_ok(), "{text}");
        }
        let long = "a".repeat(64);
        for text in ["", "ab", "-abc", "abc-", "a..b", "Abc", "a_b", "10.0.0.1", "a/b", &long] {
            assert!(bucket_name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn image_ids_start_with_ami() {
        assert!(ami_id("ami-0601752c11b394251").is_ok());
        for text in ["", "ami-", "0601752c11b394251", "ami-0 1", "AMI-1"] {
            assert!(ami_id(text).is_err(), "{text}");
        }
    }

    #[test]
    fn regions_have_the_form_of_regions() {
        for text in ["us-west-2", "us-gov-east-1", "ap-southeast-3"] {
            assert!(region(text).is_ok(), "{text}");
        }
        for text in ["", "us-west", "uswest2", "us-west-2a", "US-WEST-2", "us--2"] {
            assert!(region(text).is_err(), "{text}");
        }
    }

    #[test]
    fn certificates_are_named_by_their_arn() {
        let arn = "arn:aws:acm:us-west-2:123456789012:certificate/12345678-1234-ab";
        assert_eq!(certificate_arn(arn).as_deref(), Ok(arn));
        assert!(certificate_arn("").is_ok());
        for text in [
            "12345678-1234",
            "arn:aws:iam:us-west-2:123456789012:certificate/1",
            "arn:aws:acm::123456789012:certificate/1",
            "arn:aws:acm:us-west-2:1234:certificate/1",
            "arn:aws:acm:us-west-2:123456789012:certificate/",
        ] {
            assert!(certificate_arn(text).is_err(), "{text}");
        }
    }

    #[test]
    fn roles_are_named_by_their_arn() {
        for name in ["lablink", "service/lab-1.x"] {
            assert!(role_arn(&format!("arn:aws:iam::123456789012:role/{name}")).is_ok(), "{name}");
        }
        for text in [
            "",
            "lablink",
            "arn:aws:iam::123456789012:user/lablink",
            "arn:aws:iam::1234:role/lablink",
            "arn:aws:iam::123456789012:role/",
            "arn:aws:sts::123456789012:assumed-role/lablink/i-1",
            "arn:aws:iam::123456789012:role/a b",
        ] {
            assert!(role_arn(text).is_err(), "{text}");
        }
    }
}
