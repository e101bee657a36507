use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, Result, anyhow};
use lablink_config::{AdminCredential, AdminPassword};
use rand::{RngExt, distr::Alphanumeric};

use super::places::Places;

/// A login is checked once and then remembered, so a slow hash is affordable.
const COST: u32 = 10;

/// The organiser's login as the server uses it.
pub struct Login {
    /// bcrypt.
    pub hash: String,
    /// The password that LabLink made, shown once on the terminal.
    pub made: Option<String>,
}

/// If no password was chosen (possible only in `dev`), LabLink makes one and keeps it in the data
/// directory.
pub fn login(credential: &AdminCredential, places: &Places) -> Result<Login> {
    match credential {
        AdminCredential::Hash(hash) => Ok(Login { hash: hash.as_str().to_owned(), made: None }),
        AdminCredential::Password(password) if password.expose() == AdminPassword::DEFAULT => {
            let path = places.data_dir.join("admin-password");
            let made = kept_or_made(&path)?;
            // Somebody may have written another one into the file.
            AdminPassword::parse(&made)
                .map_err(|fault| anyhow!("the password in {}: {fault}", path.display()))?;
            Ok(Login { hash: bcrypt::hash(&made, COST)?, made: Some(made) })
        }
        AdminCredential::Password(password) => {
            tracing::warn!(
                "the admin password is plain text: app.admin_password_hash is safer (lablink-allocator hash-password)"
            );
            Ok(Login { hash: bcrypt::hash(password.expose(), COST)?, made: None })
        }
    }
}

fn kept_or_made(path: &Path) -> Result<String> {
    match fs::read_to_string(path) {
        Ok(kept) if !kept.trim().is_empty() => return Ok(kept.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
    let made: String = rand::rng().sample_iter(Alphanumeric).take(16).map(char::from).collect();
    // The file is written whole or not at all: half a file would be another password at the next
    // start.
    let new = path.with_extension("new");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    writeln!(file, "{made}")?;
    file.sync_all()?;
    fs::rename(new, path)?;
    Ok(made)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_made_password_stays_and_is_ours_alone() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places { data_dir: folder.path().to_owned() };
        let credential = AdminCredential::Password(AdminPassword::default());
        let first = login(&credential, &places).unwrap();
        let made = first.made.unwrap();
        assert!(bcrypt::verify(&made, &first.hash).unwrap());
        assert_eq!(login(&credential, &places).unwrap().made, Some(made));
        let mode = fs::metadata(folder.path().join("admin-password")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
