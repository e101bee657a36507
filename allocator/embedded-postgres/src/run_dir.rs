use std::{
    env, fs, io,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
};

use nix::unistd::Uid;
use sha2::{Digest, Sha256};

use crate::{EmbeddedPostgresError, Result, account::Account, layout::Layout};

/// The server's "port", which is only the end of its socket's name.
pub(super) const PORT: u16 = 5432;

/// The kernel's limit for a socket's path (`sun_path` without its closing zero).
const MAX_SOCKET_PATH: usize = 107;

/// Makes the private folder of the server's socket. It is short, since socket paths are, and
/// belongs to this data directory alone.
pub(super) fn create(layout: &Layout, account: Account) -> Result<PathBuf> {
    let digest = Sha256::digest(layout.data_dir().as_os_str().as_bytes());
    let name: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
    let runtime_dir = env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let dir = place(&name, Uid::effective(), runtime_dir.as_deref());
    let failed = || EmbeddedPostgresError::io(format!("make {}", dir.display()));

    match fs::DirBuilder::new().mode(0o700).create(&dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            refuse_foreign(&dir, account)?
        }
        made => made.map_err(failed())?,
    }
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).map_err(failed())?;
    account.own(&dir)?;
    Ok(dir)
}

/// Removes the folder once the server has ended; a file that is not ours keeps it there, as does
/// a server's folder that is not ours (when someone started our cluster by hand).
pub(super) fn remove(dir: &Path) {
    let is_ours = dir.file_name().is_some_and(|name| name.as_bytes().starts_with(b"lablink-"));
    if is_ours && let Err(error) = fs::remove_dir(dir) {
        tracing::debug!(dir = %dir.display(), %error, "the socket's folder stays");
    }
}

/// Removes the socket and lock of a server that was killed: once its process id belongs to
/// somebody else, Postgres itself takes the lock for a live one.
pub(super) fn clear(dir: &Path) {
    for name in [format!(".s.PGSQL.{PORT}"), format!(".s.PGSQL.{PORT}.lock")] {
        let _ = fs::remove_file(dir.join(name));
    }
}

fn place(name: &str, uid: Uid, runtime_dir: Option<&Path>) -> PathBuf {
    if uid.is_root() {
        return Path::new("/run").join(format!("lablink-{name}"));
    }
    let in_runtime_dir = runtime_dir.map(|dir| dir.join(format!("lablink-{name}")));
    in_runtime_dir
        .filter(|dir| is_fit_for_socket(dir))
        .unwrap_or_else(|| Path::new("/tmp").join(format!("lablink-{uid}-{name}")))
}

/// The server reads the folder from a comma-separated list, hence the narrow alphabet.
fn is_fit_for_socket(dir: &Path) -> bool {
    let bytes = dir.as_os_str().as_bytes();
    let is_plain = |b: &u8| b.is_ascii_alphanumeric() || b"/._-".contains(b);
    dir.is_absolute()
        && dir.parent().is_some_and(Path::is_dir)
        && bytes.iter().all(is_plain)
        && bytes.len() + format!("/.s.PGSQL.{PORT}").len() <= MAX_SOCKET_PATH
}

/// In `/tmp` anybody may have made a folder of that name, to catch our connections.
fn refuse_foreign(dir: &Path, account: Account) -> Result<()> {
    let meta = fs::symlink_metadata(dir)
        .map_err(EmbeddedPostgresError::io(format!("look at {}", dir.display())))?;
    let is_ours = account.is_owner(meta.uid()) || meta.uid() == Uid::effective().as_raw();
    match is_ours && meta.is_dir() {
        true => Ok(()),
        false => Err(EmbeddedPostgresError::ForeignDir { dir: dir.to_owned(), owner: meta.uid() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_uses_run_and_others_their_runtime_folder() {
        let temp = tempfile::tempdir().unwrap();
        let user = Uid::from_raw(1000);
        assert_eq!(place("ab12", Uid::from_raw(0), None), Path::new("/run/lablink-ab12"));
        assert_eq!(place("ab12", user, Some(temp.path())), temp.path().join("lablink-ab12"));
        assert_eq!(place("ab12", user, None), Path::new("/tmp/lablink-1000-ab12"));
    }

    #[test]
    fn a_runtime_folder_that_cannot_hold_a_socket_is_passed_over() {
        let temp = tempfile::tempdir().unwrap();
        let fallback = Path::new("/tmp/lablink-1000-ab12");
        for name in ["x".repeat(90), "a,b".to_owned()] {
            let dir = temp.path().join(name);
            fs::create_dir(&dir).unwrap();
            assert_eq!(place("ab12", Uid::from_raw(1000), Some(&dir)), fallback);
        }
        let missing = temp.path().join("missing");
        assert_eq!(place("ab12", Uid::from_raw(1000), Some(&missing)), fallback);
    }

    #[test]
    fn a_link_in_place_of_the_folder_is_refused() {
        let temp = tempfile::tempdir().unwrap();
        let link = temp.path().join("link");
        std::os::unix::fs::symlink("/tmp", &link).unwrap();
        let account = Account::of_server().unwrap();
        assert!(refuse_foreign(&link, account).is_err());
        assert!(refuse_foreign(temp.path(), account).is_ok());
    }
}
