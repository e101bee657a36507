use std::{fmt, str::FromStr};

use lablink_core::passwords::{fits_bcrypt, is_short};

use super::secret::Secret;

/// How the admin proves who they are: exactly one of the two.
#[derive(Clone, Debug)]
pub enum AdminCredential {
    Password(AdminPassword),
    Hash(PasswordHash),
}

/// The admin's password, short enough for bcrypt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdminPassword(Secret);

impl AdminPassword {
    /// The schema's default: good enough for `dev` alone.
    pub const DEFAULT: &str = "admin_password";

    /// Checks a password, in whichever way it is set. The error never shows the password.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("it is empty; choose a password".to_owned());
        }
        fits_bcrypt(text).map_err(|unfit| unfit.to_string())?;
        Ok(Self(Secret::new(text)))
    }

    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl AdminCredential {
    /// A warning to organisers about a password that was chosen before short ones were refused.
    pub fn warning(&self) -> Option<String> {
        let Self::Password(password) = self else { return None };
        let length = is_short(password.expose())?;
        Some(format!(
            "The admin password has only {length} characters, so it can be guessed. Choose one of at \
             least 12: set ADMIN_PASSWORD, app.admin_password or app.admin_password_hash, then \
             start LabLink again."
        ))
    }
}

impl Default for AdminPassword {
    fn default() -> Self {
        Self(Secret::new(Self::DEFAULT))
    }
}

/// A bcrypt hash of the admin's password, as `lablink-allocator hash-password` prints it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let version = ["$2a$", "$2b$", "$2x$", "$2y$"].iter().any(|v| text.starts_with(v));
        let body = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/' | b'$');
        if version
            && text.len() == 60
            && text.bytes().all(body)
            && bcrypt::HashParts::from_str(text).is_ok()
        {
            Ok(Self(text.to_owned()))
        } else {
            Err("expected a bcrypt hash of 60 characters ($2b$12$…); make one with \
                 'lablink-allocator hash-password'"
                .to_owned())
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A hash can be attacked at leisure: it stays out of logs as well.
impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_that_bcrypt_would_change_is_refused() {
        assert!(AdminPassword::parse(&"x".repeat(72)).is_ok());
        assert_eq!(
            AdminPassword::parse(&"ä".repeat(37)).unwrap_err(),
            "it is 74 bytes long, and bcrypt takes at most 72: choose a shorter one"
        );
        assert!(AdminPassword::parse("P\0P").unwrap_err().contains("NUL"));
        assert!(AdminPassword::parse("").is_err());
    }

    #[test]
    fn a_short_password_that_is_in_use_is_warned_of() {
        let of = |text| AdminCredential::Password(AdminPassword::parse(text).unwrap()).warning();
        assert!(of("tq-57-rx").unwrap().contains("8 characters"));
        assert_eq!(of("tq-57-rx-901"), None);
    }

    #[test]
    fn a_hash_looks_like_bcrypt() {
        let hash = bcrypt::hash("secret", 4).unwrap();
        assert_eq!(PasswordHash::parse(&hash).unwrap().as_str(), hash);
        for text in
            ["", "secret", "$2b$12$short", "$1$abcdefgh$", &hash[..59], &hash.replace('2', "9")]
        {
            assert!(PasswordHash::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn neither_is_shown_by_debug() {
        let password = AdminCredential::Password(AdminPassword::parse("hunter2").unwrap());
        assert_eq!(format!("{password:?}"), "Password(AdminPassword(Secret(…)))");
        let hash = PasswordHash::parse(&bcrypt::hash("x", 4).unwrap()).unwrap();
        assert_eq!(format!("{:?}", AdminCredential::Hash(hash)), "Hash(PasswordHash(…))");
    }
}
