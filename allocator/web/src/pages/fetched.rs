//! Others' scripts, as `scripts/web-assets` fetches them before the build. Scripts import one another
//! by relative paths, so each lies under a folder whose name has the version of all.

use super::assets::fnv1a;
use crate::links;

const NOVNC: &str = "novnc/core/rfb.js";

include!(concat!(env!("OUT_DIR"), "/fetched.rs"));

/// Changes with each of them.
pub static VERSION: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
    let all = FETCHED.iter().fold(0_u64, |all, (_, bytes)| all.rotate_left(7) ^ fnv1a(bytes));
    format!("{all:016x}")
});

/// The script at this path, such as `novnc/core/rfb.js`.
pub fn find(path: &str) -> Option<&'static [u8]> {
    FETCHED.iter().find(|(name, _)| *name == path).map(|(_, bytes)| *bytes)
}

/// The URL of noVNC's entry.
pub fn novnc() -> String {
    links::fetched(&VERSION, NOVNC)
}

/// Whether this program can show a desktop.
pub fn has_desktop() -> bool {
    find(NOVNC).is_some()
}
