use std::{
    fs::{self, OpenOptions},
    io::Read as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Component, Path, PathBuf},
};

use nix::{fcntl::OFlag, unistd::getuid};

use crate::desktop::Account;

/// Why an account must be left alone, in words for the organiser.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Unfit {
    #[error(
        "its desktop is that of an account that was there before LabLink. For one that LabLink may \
         clean, run a new install command with the name of a new account at its end"
    )]
    NotMade,
    #[error(
        "{0}, where the installer notes which account it has made, is not root's alone or can't be \
         read. Run a new install command"
    )]
    Marker(String),
    #[error(
        "the account {0} is not what the installer has made: its number or its home has changed. \
         Run a new install command with the name of a new account at its end"
    )]
    Changed(String),
    #[error(
        "{0} is no home that can be put aside: it must lie in a folder of root's alone, and its \
         account be no system account"
    )]
    Place(String),
}

/// What the installer noted of an account when it had made it: the leave to clean that one.
#[derive(Debug, Default, PartialEq, Eq)]
struct Marker {
    user: String,
    uid: u32,
    home: PathBuf,
}

const LONGEST: u64 = 4096;
/// Homes don't lie below these, whatever a user database says.
const SYSTEM: [&str; 13] = [
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib64", "/proc", "/root", "/run", "/sbin", "/sys",
    "/tmp", "/usr",
];

/// The account as it is now, if `marker` says that the installer made it and nothing has changed.
pub fn fit(account: &Account, marker: &Path) -> Result<Account, Unfit> {
    let noted = read(marker)?;
    if noted.user != account.name {
        return Err(Unfit::NotMade);
    }
    let now = Account::find(&account.name).ok().flatten();
    let now = now.filter(|now| (now.uid, &now.home) == (noted.uid, &noted.home));
    let now = now.ok_or_else(|| Unfit::Changed(account.name.clone()))?;
    if now.uid < 1000 || now.uid == getuid().as_raw() || !is_replaceable(&now.home) {
        return Err(Unfit::Place(now.home.display().to_string()));
    }
    Ok(now)
}

fn read(path: &Path) -> Result<Marker, Unfit> {
    let damaged = || Unfit::Marker(path.display().to_string());
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(Unfit::NotMade),
        Err(_unreadable) => return Err(damaged()),
    };
    let meta = file.metadata().map_err(|_unreadable| damaged())?;
    if !meta.is_file() || meta.uid() != 0 || meta.mode() & 0o022 != 0 || meta.len() > LONGEST {
        return Err(damaged());
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(|_unreadable| damaged())?;
    parse(&text).ok_or_else(damaged)
}

fn parse(text: &str) -> Option<Marker> {
    let value = |key: &str| {
        text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('=')).map(str::to_owned)
    };
    let user = value("user").filter(|user| is_name(user))?;
    Some(Marker { user, uid: value("uid")?.parse().ok()?, home: value("home")?.into() })
}

/// Nothing that a program could take for an option or a path.
fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    name.bytes().all(plain) && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
}

/// Whether nobody but root can put something else into the home's place.
fn is_replaceable(home: &Path) -> bool {
    let plain = home.is_absolute()
        && home.components().skip(1).all(|part| matches!(part, Component::Normal(_)))
        && home.components().count() >= 3
        && !SYSTEM.iter().any(|folder| home.starts_with(folder));
    let is_roots = |folder: &Path| {
        fs::symlink_metadata(folder)
            .is_ok_and(|meta| meta.is_dir() && meta.uid() == 0 && meta.mode() & 0o022 == 0)
    };
    plain && home.ancestors().skip(1).all(is_roots)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_marker_names_account_number_and_home() {
        let marker = parse("# by the installer\nuser=lablink\nuid=1001\nhome=/home/lablink/home\n");
        let (user, home) = ("lablink".to_owned(), "/home/lablink/home".into());
        assert_eq!(marker, Some(Marker { user, uid: 1001, home }));
        for text in ["", "user=a\nuid=1001", "user=-a\nuid=1\nhome=/h/a", "user=a b\nuid=1\nhome=/"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_home_lies_in_folders_of_roots_alone() {
        for home in ["/", "/home", "/etc/x", "/root/x", "/usr/lib/x", "home/x", "/var/../etc/x"] {
            assert!(!is_replaceable(Path::new(home)), "{home}");
        }
        assert!(!is_replaceable(&std::env::temp_dir().join("x")), "anybody may put one there");
    }

    #[test]
    fn a_marker_that_others_can_write_counts_for_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let marker = folder.path().join("marker");
        assert_eq!(read(&marker), Err(Unfit::NotMade));
        fs::write(&marker, "user=a\nuid=1001\nhome=/home/a/home\n").unwrap();
        fs::set_permissions(&marker, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(read(&marker), Err(Unfit::Marker(_))));
        let link = folder.path().join("link");
        symlink(&marker, &link).unwrap();
        fs::set_permissions(&marker, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(read(&link), Err(Unfit::Marker(_))));
        assert_eq!(read(&marker).is_ok(), getuid().is_root(), "only root's is one");
    }
}
