use std::{fmt, path::PathBuf};

use crate::{EmbeddedPostgresError, Result, superuser::SUPERUSER};

/// What the embedded server is to offer.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The allocator's data directory, made when missing.
    pub data_dir: PathBuf,
    /// The database, owned by `user`.
    pub dbname: String,
    /// The role that the allocator connects as; no superuser.
    pub user: String,
    /// Without one, whoever can reach the socket (only we and root can) may connect.
    pub password: Option<Password>,
    /// Server settings beside ours, such as `("max_connections", "200")`. They count for a server
    /// that is started, not for one that is adopted.
    pub options: Vec<(String, String)>,
}

impl Settings {
    /// Postgres would cut longer names short in silence.
    pub(super) fn check(&self) -> Result<()> {
        let is_name = |name: &str| {
            (1..=63).contains(&name.len()) && !name.contains('\0') && !name.starts_with("pg_")
        };
        for name in [&self.dbname, &self.user] {
            if !is_name(name) {
                return Err(EmbeddedPostgresError::InvalidName(name.clone()));
            }
        }
        if self.user == SUPERUSER {
            return Err(EmbeddedPostgresError::InvalidName(self.user.clone()));
        }
        Ok(())
    }
}

/// A role's password; never shown by `Debug`.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(dbname: &str, user: &str) -> Settings {
        Settings {
            data_dir: "/nowhere".into(),
            dbname: dbname.to_owned(),
            user: user.to_owned(),
            password: Some(Password::new("hunter2")),
            options: Vec::new(),
        }
    }

    #[test]
    fn refuses_names_that_postgres_would_cut_or_keep_for_itself() {
        assert!(settings("lablink_db", "lab \"link\"").check().is_ok());
        let long = "x".repeat(64);
        for name in ["", "pg_x", "a\0b", &long] {
            assert!(settings(name, "lablink").check().is_err(), "{name:?}");
            assert!(settings("lablink", name).check().is_err(), "{name:?}");
        }
        assert!(settings("lablink", SUPERUSER).check().is_err());
    }

    #[test]
    fn debug_hides_the_password() {
        assert!(!format!("{:?}", settings("a", "b")).contains("hunter2"));
    }
}
