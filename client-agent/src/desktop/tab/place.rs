use std::{
    fs::{self, DirBuilder, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, chown},
    path::{Path, PathBuf},
};

use super::Owner;

/// Short, since the name of a socket has at most 107 bytes.
const BASE: &str = "/tmp";
const COOKIE: &[u8] = b"MIT-MAGIC-COOKIE-1";
/// An entry for every address; without a display's number, for each of those as well.
const WILD: u16 = 0xffff;

/// A folder for one run of a desktop, which only its owner and root enter. It goes with this value.
pub struct Place(PathBuf);

impl Place {
    /// With the file that opens the display to its owner alone: without one, every account of this
    /// machine could.
    pub fn make(owner: &Owner) -> io::Result<Self> {
        let name = format!("lablink-desktop-{:016x}", rand::random::<u64>());
        let place = Self(Path::new(BASE).join(name));
        // Fails if it is there already, so nobody else has made it.
        DirBuilder::new().mode(0o700).create(&place.0)?;
        let authority = place.authority();
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&authority)?;
        file.write_all(&entry(&rand::random::<[u8; 16]>()))?;
        if let Some(account) = &owner.account {
            chown(&authority, Some(account.uid), Some(account.gid))?;
            chown(&place.0, Some(account.uid), Some(account.gid))?;
        }
        Ok(place)
    }

    pub fn socket(&self) -> PathBuf {
        self.0.join("vnc")
    }

    /// In the form of `.Xauthority`.
    pub fn authority(&self) -> PathBuf {
        self.0.join("authority")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

/// Family, address, display's number, name, data: each with its length in front.
fn entry(cookie: &[u8]) -> Vec<u8> {
    let mut entry = WILD.to_be_bytes().to_vec();
    for part in [b"".as_slice(), b"", COOKIE, cookie] {
        entry.extend(u16::try_from(part.len()).unwrap_or_default().to_be_bytes());
        entry.extend(part);
    }
    entry
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_for_every_display() {
        let written = entry(b"0123456789abcdef");
        let expected = b"\xff\xff\0\0\0\0\0\x12MIT-MAGIC-COOKIE-1\0\x100123456789abcdef";
        assert_eq!(written, expected);
    }
}
