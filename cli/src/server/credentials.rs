//! The file with logins. It holds passwords: only its owner may read it, and none of it is ever in a
//! command line.

use std::{
    collections::BTreeMap,
    env, fmt, fs,
    io::{ErrorKind, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::errors::{Refused, WrongCall};

/// What the file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The address that is meant where none is said.
    default: Option<String>,
    /// By address.
    servers: BTreeMap<String, Login>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    pub user: String,
    pub password: String,
}

/// The password is nobody's business.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Where it lies unless somebody says another place.
pub fn default_file() -> Result<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME")?.join(".config")));
    let folder = folder.context("HOME is not set: name a file with --credentials")?;
    Ok(folder.join("lablink/credentials.json"))
}

impl Credentials {
    /// Empty where there is no file yet.
    pub fn read(file: &Path) -> Result<Self> {
        let text = match fs::metadata(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => Err(error),
            Ok(found) => {
                safe(file, &found)?;
                fs::read_to_string(file)
            }
        };
        let text = text.with_context(|| format!("can't read {}", file.display()))?;
        // Never what is in it: a message may end in a log.
        serde_json::from_str(&text).map_err(|error| {
            let place = format!("line {}, column {}", error.line(), error.column());
            anyhow::anyhow!("{}, {place}, is not as `lablink login` writes it", file.display())
        })
    }

    /// In place of the file, at once and for its owner alone.
    pub fn write(&self, file: &Path) -> Result<()> {
        let write = || -> Result<()> {
            let folder = file.parent().context("it has no folder")?;
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            // Made with 0600.
            let mut next = NamedTempFile::new_in(folder)?;
            next.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
            next.as_file().sync_all()?;
            next.persist(file)?;
            Ok(())
        };
        write().with_context(|| format!("can't write {}", file.display()))
    }

    /// Stores a login, and means its allocator from now on.
    pub fn put(&mut self, url: &str, login: Login) {
        self.default = Some(url.to_owned());
        self.servers.insert(url.to_owned(), login);
    }

    /// Forgets the login for this allocator, if there is one.
    pub fn remove(&mut self, url: &str) {
        self.servers.remove(url);
        if self.default.as_deref() == Some(url) {
            self.default = self.servers.keys().next().cloned();
        }
    }

    /// The allocator at this address, or the usual one, and its login.
    pub fn find(&self, url: Option<&str>) -> Result<(String, Login)> {
        let url = url.or(self.default.as_deref()).map(|url| url.trim_end_matches('/'));
        let Some(url) = url else {
            let how = "which allocator? Store a login with `lablink login https://…`";
            bail!(WrongCall(how.to_owned()));
        };
        let login = self.servers.get(url).cloned();
        let how = || Refused(format!("no login is stored for {url}: `lablink login {url}`"));
        Ok((url.to_owned(), login.ok_or_else(how)?))
    }
}

fn safe(file: &Path, found: &fs::Metadata) -> Result<()> {
    let shown = file.display();
    let mode = found.permissions().mode();
    ensure!(mode & 0o077 == 0, Refused(format!("others may read {shown}: chmod 600 {shown}")));
    let owner = found.uid();
    let me = nix::unistd::geteuid().as_raw();
    ensure!(owner == me, Refused(format!("{shown} belongs to another user: keep one of your own")));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(password: &str) -> Login {
        Login { user: "admin".to_owned(), password: password.to_owned() }
    }

    #[test]
    fn what_is_stored_is_found_again_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lablink/credentials.json");
        let mut stored = Credentials::read(&file).unwrap();
        assert!(stored.find(None).is_err());
        stored.put("https://a.example.org", login("one"));
        stored.put("https://b.example.org", login("two"));
        stored.write(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

        let mut found = Credentials::read(&file).unwrap();
        assert_eq!(found.find(None).unwrap().1.password, "two");
        assert_eq!(found.find(Some("https://a.example.org/")).unwrap().1.password, "one");
        assert!(found.find(Some("https://c.example.org")).is_err());
        found.remove("https://b.example.org");
        assert_eq!(found.find(None).unwrap().0, "https://a.example.org");
        assert!(!format!("{found:?}").contains("one"));
    }

    #[test]
    fn a_file_that_others_may_read_or_that_is_odd_is_refused_without_telling_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("credentials.json");
        let mut stored = Credentials::default();
        stored.put("https://a.example.org", login("hush-hush"));
        stored.write(&file).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Credentials::read(&file).unwrap_err();
        assert!(error.to_string().contains("chmod 600"), "{error}");

        fs::write(&file, r#"{"servers": {"x": {"user": "a", "password": "hush-hush", "x": 1}}}"#)
            .unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let error = format!("{:?}", Credentials::read(&file).unwrap_err());
        assert!(error.contains("line 1") && !error.contains("hush"), "{error}");
    }
}
