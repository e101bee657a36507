//! Values that only hold the place of a real one: fine in a file in a repository, not in service.

use lablink_core::AccessCode;
use lablink_core::passwords::is_common;

use super::{
    AdminCredential, AdminPassword, Config, Database, Environment, ProviderKind,
    syntax::is_placeholder,
};

/// Holds the place of an access code, since a code that was read does not show its words.
const ACCESS_CODE: &str = "PLACEHOLDER_ACCESS_CODE";

/// Every login that is a placeholder, a default that anybody can look up, or one of the passwords
/// that are guessed first, as one sentence each.
pub(super) fn logins(config: &Config) -> Vec<String> {
    let mut found = Vec::new();
    if is_placeholder(&config.app.admin_user) {
        found.push("app.admin_user is a placeholder: set it, or ADMIN_USER".to_owned());
    }
    if let AdminCredential::Password(password) = &config.app.admin {
        let password = password.expose();
        let fault = if is_placeholder(password) || password == AdminPassword::DEFAULT {
            Some("a placeholder or the default: set it, ADMIN_PASSWORD or app.admin_password_hash")
        } else if is_common(password) {
            Some("one of the first that anybody would guess: choose another, such as four words")
        } else {
            None
        };
        found.extend(fault.map(|fault| format!("app.admin_password is {fault}")));
    }
    let stands_for_one = |code: AccessCode| ACCESS_CODE.parse().is_ok_and(|it| code.matches(&it));
    if config.app.access_code.is_some_and(stands_for_one) {
        found.push(
            "app.access_code is a placeholder: set it, or LABLINK_ACCESS_CODE, or leave it out"
                .to_owned(),
        );
    }
    if let Some(db) = &config.db {
        if is_placeholder(&db.user) {
            found.push("db.user is a placeholder: set it".to_owned());
        }
        if is_placeholder(db.password.expose())
            || db.password.expose() == Database::DEFAULT_PASSWORD
        {
            found.push(
                "db.password is a placeholder or the default: set it, or DB_PASSWORD".to_owned(),
            );
        }
    }
    found
}

pub(super) fn bucket(config: &Config) -> Option<String> {
    config.bucket_name.as_deref().is_some_and(is_placeholder).then(|| {
        "bucket_name is a placeholder: set it to the bucket that keeps Terraform's state, or leave \
         it out to keep the state on this machine"
            .to_owned()
    })
}

/// What must be set before the allocator may serve `environment`, as one sentence each; empty in
/// `dev`. `config` already carries the overrides of the process environment.
pub fn startup_problems(config: &Config, environment: &Environment) -> Vec<String> {
    if environment.is_dev() {
        return Vec::new();
    }
    let mut problems = logins(config);
    if config.provider != ProviderKind::Manual && environment.has_remote_state() {
        problems.extend(bucket(config));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Overrides;

    fn problems(yaml: &str, environment: &str) -> Vec<String> {
        startup_problems(&Config::parse(yaml).unwrap(), &environment.parse().unwrap())
    }

    #[test]
    fn the_default_admin_password_is_refused_outside_dev() {
        assert_eq!(problems("", "dev"), [""; 0]);
        let found = problems("", "prod");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("app.admin_password"), "{found:?}");
        assert_eq!(problems("app: {admin_password: tq-57-rx}", "prod"), [""; 0], "short");
    }

    #[test]
    fn a_password_that_is_guessed_first_is_refused_outside_dev() {
        for common in
            ["password", "letmein", "Passw0rd", "lablink", "qwertyuiop", "passwordpassword"]
        {
            let yaml = format!("app: {{admin_password: {common}}}");
            assert_eq!(problems(&yaml, "dev"), [""; 0], "{common}");
            let found = problems(&yaml, "prod");
            assert_eq!(found.len(), 1, "{common}: {found:?}");
            assert!(found[0].contains("app.admin_password") && found[0].contains("guess"));
            let told = found[0].replace("app.admin_password", "");
            assert!(!told.contains(common), "{found:?}");
        }
    }

    #[test]
    fn a_placeholder_is_no_access_code_that_anybody_can_look_up() {
        let yaml = "app: {admin_password: tq-57-rx-901, access_code: PLACEHOLDER_ACCESS_CODE}";
        let found = problems(yaml, "prod");
        assert!(found.len() == 1 && found[0].contains("LABLINK_ACCESS_CODE"), "{found:?}");
        let given = Overrides { access_code: Some("sesame"), ..Overrides::default() };
        let config = Config::parse(yaml).unwrap().with_overrides(given).unwrap();
        assert_eq!(startup_problems(&config, &"prod".parse().unwrap()), [""; 0]);
    }

    #[test]
    fn each_placeholder_has_its_sentence() {
        let yaml = "app: {admin_user: CHANGE_ME, admin_password: PLACEHOLDER_ADMIN_PASSWORD}\n\
                    db: {user: CHANGE_ME, password: lablink}\n\
                    bucket_name: tf-state-lablink-YOUR-UNIQUE-SUFFIX\n";
        let found = problems(yaml, "test");
        let keys: Vec<_> = found.iter().filter_map(|p| p.split_once(" is ")).map(|p| p.0).collect();
        assert_eq!(
            keys,
            ["app.admin_user", "app.admin_password", "db.user", "db.password", "bucket_name"]
        );
    }

    #[test]
    fn the_bucket_matters_only_where_state_is_kept_in_it() {
        let yaml = "app: {admin_password: tq-57-rx}\nbucket_name: x-YOUR-UNIQUE-SUFFIX\n";
        assert_eq!(problems(yaml, "prod").len(), 1);
        assert_eq!(problems(yaml, "classroom"), [""; 0]);
        assert_eq!(problems(&format!("provider: local\n{yaml}"), "prod").len(), 1);
        assert_eq!(problems(&format!("provider: manual\n{yaml}"), "prod"), [""; 0]);
    }

    #[test]
    fn a_hash_needs_no_password() {
        let hash = bcrypt::hash("x", 4).unwrap();
        assert_eq!(problems(&format!("app: {{admin_password_hash: '{hash}'}}"), "prod"), [""; 0]);
    }
}
