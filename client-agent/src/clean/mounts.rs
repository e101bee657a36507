use std::{
    ffi::OsString,
    fs,
    os::unix::ffi::OsStringExt as _,
    path::{Path, PathBuf},
};

use nix::mount::{MntFlags, umount2};

use super::failure::{Doing as _, Failure};
use crate::desktop::Account;

struct Mount {
    at: PathBuf,
    kind: String,
    options: String,
}

/// Takes away what the account has mounted itself (FUSE), and what is mounted in its runtime
/// folder. Anything else in its home is not ours to take away.
pub fn settle(account: &Account) -> Result<(), Failure> {
    let mark = format!("user_id={}", account.uid);
    let (theirs, others): (Vec<_>, Vec<_>) = mounts()?.into_iter().partition(|mount| {
        let own = mount.kind.starts_with("fuse") && mount.options.split(',').any(|it| it == mark);
        own || mount.at.starts_with(account.runtime_dir())
    });
    // Later ones may lie in earlier ones.
    for mount in theirs.iter().rev() {
        let flags = MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW;
        if umount2(&mount.at, flags).is_err() && mount.at.starts_with(&account.home) {
            return Err(Failure::Mounted(mount.at.display().to_string()));
        }
    }
    match others.iter().find(|mount| mount.at.starts_with(&account.home)) {
        Some(mount) => Err(Failure::Mounted(mount.at.display().to_string())),
        None => Ok(()),
    }
}

fn mounts() -> Result<Vec<Mount>, Failure> {
    let path = Path::new("/proc/self/mountinfo");
    // Names of mount points need not be UTF-8.
    let text = fs::read(path).doing("can't read", path)?;
    Ok(text.split(|&byte| byte == b'\n').filter_map(mount).collect())
}

/// `id parent device root PLACE options… - KIND source OPTIONS`
fn mount(line: &[u8]) -> Option<Mount> {
    let words: Vec<&[u8]> = line.split(|&byte| byte == b' ').collect();
    let at = unescaped(words.get(4)?);
    let rest = &words[words.iter().position(|word| *word == b"-")?..];
    let text = |word: Option<&&[u8]>| String::from_utf8_lossy(word.copied().unwrap_or(b"")).into();
    Some(Mount { at, kind: text(rest.get(1)), options: text(rest.get(3)) })
}

/// Blanks and the like stand as `\040`.
fn unescaped(word: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(word.len());
    let mut at = 0;
    while let Some(&byte) = word.get(at) {
        let octal = word
            .get(at + 1..at + 4)
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match octal {
            Some(escaped) if byte == b'\\' => {
                bytes.push(escaped);
                at += 4;
            }
            _ => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
    OsString::from_vec(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_kind_and_options_of_a_mount_are_read() {
        let line = b"36 35 98:0 / /home/a\\040b/\\134x rw,noatime shared:1 - fuse.sshfs h:/ rw,user_id=1001";
        let mount = mount(line).unwrap();
        assert_eq!(mount.at, PathBuf::from("/home/a b/\\x"));
        assert_eq!((&*mount.kind, &*mount.options), ("fuse.sshfs", "rw,user_id=1001"));
        assert!(super::mount(b"").is_none());
        assert!(mounts().unwrap().iter().any(|mount| mount.at == Path::new("/proc")));
    }
}
