use super::{
    AdminCredential, AdminPassword, Config, Problem, Problems, Secret,
    syntax::{access_code, basic_auth_user},
};

/// Values from the process environment, which win over the file. An empty one counts as absent:
/// that is how Compose and systemd pass a variable that nobody set.
#[derive(Clone, Copy, Default)]
pub struct Overrides<'a> {
    /// `ADMIN_USER`.
    pub admin_user: Option<&'a str>,
    /// `ADMIN_PASSWORD`; replaces a hash in the file as well.
    pub admin_password: Option<&'a str>,
    /// `DB_PASSWORD`; without a `db` section there is no password to replace.
    pub db_password: Option<&'a str>,
    /// `LABLINK_ACCESS_CODE`.
    pub access_code: Option<&'a str>,
}

impl Config {
    /// This configuration with `overrides` in place, or what is wrong with them.
    pub fn with_overrides(mut self, overrides: Overrides<'_>) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        if let Some(user) = given(overrides.admin_user) {
            match basic_auth_user(user) {
                Ok(user) => self.app.admin_user = user,
                Err(fault) => problems.push(Problem::from(format!("ADMIN_USER: {fault}"))),
            }
        }
        if let Some(password) = given(overrides.admin_password) {
            match AdminPassword::parse(password) {
                Ok(password) => self.app.admin = AdminCredential::Password(password),
                Err(fault) => problems.push(Problem::from(format!("ADMIN_PASSWORD: {fault}"))),
            }
        }
        if let (Some(password), Some(db)) = (given(overrides.db_password), &mut self.db) {
            db.password = Secret::new(password);
        }
        if let Some(code) = given(overrides.access_code) {
            match access_code(code) {
                Ok(code) => self.app.access_code = Some(code),
                Err(fault) => problems.push(Problem::from(format!("LABLINK_ACCESS_CODE: {fault}"))),
            }
        }
        if problems.is_empty() { Ok(self) } else { Err(Problems(problems)) }
    }
}

/// A value that is there and not empty.
pub(super) fn given(value: Option<&str>) -> Option<&str> {
    value.filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(config: &Config) -> &str {
        match &config.app.admin {
            AdminCredential::Password(password) => password.expose(),
            AdminCredential::Hash(_) => panic!("a hash"),
        }
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let hash = bcrypt::hash("x", 4).unwrap();
        let yaml = format!("app: {{admin_password_hash: '{hash}'}}\ndb: {{password: from-file}}");
        let overrides = Overrides {
            admin_user: Some("root"),
            admin_password: Some(" hunter2 "),
            db_password: Some("from-environment"),
            access_code: Some("open sesame"),
        };
        let config = Config::parse(&yaml).unwrap().with_overrides(overrides).unwrap();
        assert!(config.app.access_code.unwrap().matches(&"Open Sesame".parse().unwrap()));
        assert_eq!(config.app.admin_user, "root");
        assert_eq!(password(&config), " hunter2 ");
        assert_eq!(config.db.unwrap().password.expose(), "from-environment");
    }

    #[test]
    fn empty_values_change_nothing() {
        let overrides =
            Overrides { admin_user: Some(""), admin_password: Some(""), ..Overrides::default() };
        let yaml = "app: {admin_user: ada, admin_password: tq-57-rx-901, access_code: x}";
        let config = Config::parse(yaml).unwrap().with_overrides(overrides).unwrap();
        assert!(config.app.access_code.unwrap().matches(&"x".parse().unwrap()));
        assert_eq!((config.app.admin_user.as_str(), password(&config)), ("ada", "tq-57-rx-901"));
    }

    #[test]
    fn a_database_password_alone_selects_no_server() {
        let overrides = Overrides { db_password: Some("x"), ..Overrides::default() };
        assert!(Config::parse("").unwrap().with_overrides(overrides).unwrap().db.is_none());
    }

    #[test]
    fn bad_values_are_refused_together_and_without_showing_the_password() {
        let long = "hunter2".repeat(11);
        let overrides = Overrides {
            admin_user: Some("a:b"),
            admin_password: Some(&long),
            ..Overrides::default()
        };
        let problems = Config::parse("").unwrap().with_overrides(overrides).unwrap_err();
        assert_eq!(
            problems.to_string(),
            "  - ADMIN_USER: expected a user name without ':', found 'a:b'\n  \
             - ADMIN_PASSWORD: it is 77 bytes long, and bcrypt takes at most 72: choose a \
             shorter one"
        );
    }
}
