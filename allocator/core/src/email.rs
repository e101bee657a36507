use std::{fmt, str::FromStr};

/// A participant's e-mail address, trimmed and in lower case: one person, however they type it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Email(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Enter your e-mail address, like name@example.org.")]
pub struct InvalidEmail;

impl Email {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the address is one at `domain` itself, not at a sub-domain of it.
    pub fn is_of(&self, domain: &str) -> bool {
        self.0.split_once('@').is_some_and(|(_, own)| own.eq_ignore_ascii_case(domain))
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    /// Checks only what tells an address from a slip: something, one `@`, something, no spaces.
    /// Whether mail arrives there is not ours to know.
    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let folded = text.trim().to_lowercase();
        let printable = |c: char| !c.is_whitespace() && !c.is_control();
        match folded.split_once('@') {
            Some((name, domain))
                if !name.is_empty()
                    && !domain.is_empty()
                    && !domain.contains('@')
                    && folded.len() <= 254
                    && folded.chars().all(printable) =>
            {
                Ok(Self(folded))
            }
            _ => Err(InvalidEmail),
        }
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_person_however_they_type_it() {
        let plain: Email = "ada@example.org".parse().unwrap();
        assert_eq!(" Ada@Example.ORG\n".parse::<Email>().unwrap(), plain);
    }

    #[test]
    fn refuses_slips() {
        for text in
            ["", "ada", "@x", "ada@", "a@b@c", "a da@x", "a@x\0", &format!("a@{}", "x".repeat(260))]
        {
            assert_eq!(text.parse::<Email>(), Err(InvalidEmail), "{text}");
        }
    }
}
