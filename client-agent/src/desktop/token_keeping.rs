//! Whether the participant could read the agent's token. Only root can where the agent runs as root,
//! unless the desktop's account can become root.

use std::{
    ffi::CString,
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    process::Stdio,
    time::Duration,
};

use lablink_protocol::TokenKeeping;
use nix::unistd::{Gid, Group, getgrouplist};
use tokio::{process::Command, time::timeout};
use tracing::warn;

use super::Account;

/// Their members have root's rights by what these groups are for.
const AS_GOOD_AS_ROOT: [&str; 6] = ["docker", "lxd", "incus-admin", "libvirt", "disk", "shadow"];
const SUDO: [&str; 2] = ["/usr/bin/sudo", "/usr/local/bin/sudo"];
const DOAS: [&str; 2] = ["/usr/bin/doas", "/usr/local/bin/doas"];
/// sudo may ask a directory service.
const LIMIT: Duration = Duration::from_secs(20);

/// The answer for now. If it can't be found out, the token counts as readable.
pub async fn of(account: Option<&Account>) -> TokenKeeping {
    let Some(account) = account else {
        let reason = "the agent runs as the account whose desktop is shared";
        return TokenKeeping::Exposed(reason.to_owned());
    };
    match way_to_root(account).await {
        None => TokenKeeping::Safe,
        Some(way) => {
            let reason = format!("the desktop's account {} can become root: {way}", account.name);
            warn!("participants can get at this agent's token: {reason}");
            TokenKeeping::Exposed(reason)
        }
    }
}

async fn way_to_root(account: &Account) -> Option<String> {
    if account.uid == 0 {
        return Some("it is root".to_owned());
    }
    let groups = match groups(account) {
        Ok(groups) => groups,
        Err(problem) => return Some(format!("its groups can't be read ({problem})")),
    };
    if let Some(group) = groups.iter().find(|group| AS_GOOD_AS_ROOT.contains(&group.as_str())) {
        return Some(format!("it is in the group {group}"));
    }
    if DOAS.iter().any(|program| runs_as_root(program)) {
        return Some("doas is there, and may let it".to_owned());
    }
    for sudo in SUDO.iter().filter(|program| runs_as_root(program)) {
        if let Some(way) = by_sudo(sudo, &account.name).await {
            return Some(way);
        }
    }
    None
}

fn groups(account: &Account) -> nix::Result<Vec<String>> {
    let name = CString::new(account.name.as_str()).map_err(|_nul| nix::Error::EINVAL)?;
    let ids = getgrouplist(&name, Gid::from_raw(account.gid))?;
    let found = ids.into_iter().map(Group::from_gid).collect::<nix::Result<Vec<_>>>()?;
    Ok(found.into_iter().flatten().map(|group| group.name).collect())
}

/// Such a program has root's rights, no matter who starts it.
fn runs_as_root(program: &str) -> bool {
    let meta = fs::metadata(Path::new(program));
    meta.is_ok_and(|meta| meta.uid() == 0 && meta.permissions().mode() & 0o4000 != 0)
}

/// What sudo's own list of rights says.
async fn by_sudo(sudo: &str, name: &str) -> Option<String> {
    let listing = Command::new(sudo)
        .args(["-n", "-l", "-U", name])
        .env_clear()
        .env("LC_ALL", "C")
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let Ok(Ok(listing)) = timeout(LIMIT, listing).await else {
        return Some("sudo does not say what it may do".to_owned());
    };
    let said = String::from_utf8_lossy(&listing.stdout);
    if said.contains("may run the following") {
        return Some("by sudo".to_owned());
    }
    (!said.contains("is not allowed to run sudo"))
        .then(|| "sudo does not say what it may do".to_owned())
}
