use lablink_core::pools::Extension;

use super::{Parsed, expected};

/// A Postgres name that needs no quotes: at most 63 of letters, digits and `_`, no digit first.
pub(crate) fn sql_identifier(text: &str) -> Parsed<String> {
    let valid = text.len() <= 63
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        && text.bytes().next().is_some_and(|b| !b.is_ascii_digit());
    let what = "an SQL name of at most 63 letters, digits and '_' that starts with no digit";
    if valid { Ok(text.to_owned()) } else { Err(expected(what, text)) }
}

/// The name of a deployment: part of names in AWS, which allow little.
pub(crate) fn deployment_name(text: &str) -> Parsed<String> {
    let valid = text.len() <= 28
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--");
    let what = "a name of at most 28 lower-case letters, digits and single '-' between them that \
                starts with a letter, such as biology";
    if valid { Ok(text.to_owned()) } else { Err(expected(what, text)) }
}

/// A file extension, given back without its leading dot.
pub(crate) fn extension(text: &str) -> Parsed<Extension> {
    text.parse().map_err(|_invalid| {
        expected("a file extension of at most 32 letters, digits, dots, - and _, such as slp", text)
    })
}

/// HTTP Basic splits at the first colon, so a user name can't hold one (RFC 7617, section 2).
pub(crate) fn basic_auth_user(text: &str) -> Parsed<String> {
    let valid = !text.is_empty() && !text.contains(|c: char| c == ':' || c.is_control());
    if valid { Ok(text.to_owned()) } else { Err(expected("a user name without ':'", text)) }
}

/// An e-mail address, or nothing. Loose, but safe to write into the proxy's own configuration.
pub(crate) fn email(text: &str) -> Parsed<String> {
    let clean =
        text.chars().all(|c| !c.is_whitespace() && !c.is_control() && !"{}\"'`\\".contains(c));
    let parts = text.split_once('@');
    let shaped = parts
        .is_some_and(|(user, host)| !user.is_empty() && !host.is_empty() && !host.contains('@'));
    if text.is_empty() || (clean && shaped) {
        Ok(text.to_owned())
    } else {
        Err(expected("an e-mail address", text))
    }
}

/// What `git clone` takes, or nothing; a leading `-` would be an option to it.
pub(crate) fn git_url(text: &str) -> Parsed<String> {
    if text.starts_with('-') || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        Err(expected("the URL of a git repository", text))
    } else {
        Ok(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sql_names_cannot_carry_sql() {
        for text in ["lablink_db", "_x", "Vms2"] {
            assert_eq!(sql_identifier(text).as_deref(), Ok(text));
        }
        let long = "a".repeat(64);
        for text in ["", "2vms", "a-b", "a;drop table vms", "a\"", "ä", &long] {
            assert!(sql_identifier(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_deployment_s_name_is_fit_for_all_that_bears_it() {
        for text in ["biology", "b2", "summer-school-26"] {
            assert_eq!(deployment_name(text).as_deref(), Ok(text));
        }
        for text in ["", "Biology", "2b", "-b", "b-", "b--c", "b_c", "b.c", &"a".repeat(29)] {
            assert!(deployment_name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn extensions_lose_their_dot() {
        for (text, bare) in [(".slp", "slp"), ("h5", "h5"), ("tar.gz", "tar.gz")] {
            assert_eq!(extension(text).map(|it| it.to_string()).as_deref(), Ok(bare));
        }
        for text in ["", ".", "..slp", "slp; rm -rf", "*"] {
            assert!(extension(text).is_err(), "{text}");
        }
    }

    #[test]
    fn user_names_survive_http_basic() {
        assert!(basic_auth_user("Ada Lovelace").is_ok());
        for text in ["", "a:b", "a\nb"] {
            assert!(basic_auth_user(text).is_err(), "{text}");
        }
    }

    #[test]
    fn email_addresses_have_two_sides() {
        for text in ["", "ada@example.org", "a+b@x"] {
            assert!(email(text).is_ok(), "{text}");
        }
        for text in ["ada", "@x", "ada@", "a@b@c", "a b@c", "a@b\n}", "a@{env.X}"] {
            assert!(email(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_repository_is_no_option_of_git() {
        for text in ["", "https://github.com/x/y.git", "git@github.com:x/y.git", "/srv/git/x"] {
            assert!(git_url(text).is_ok(), "{text}");
        }
        for text in ["--upload-pack=touch /x", "-q", "https://x y"] {
            assert!(git_url(text).is_err(), "{text}");
        }
    }
}
