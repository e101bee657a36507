use std::{
    ffi::OsString,
    fs::{File, Permissions},
    io::{self, Read, Seek, Write},
    os::{fd::AsRawFd, unix::fs::PermissionsExt},
    time::Duration,
};

use lablink_core::ssh::SshAccess;
use lablink_protocol::Hostname;
use nix::sys::memfd::{MFdFlags, memfd_create};

use super::script::{Script, command_line};

/// What is written for one run of `ssh`, in memory and under no name: whatever ends us, nothing is
/// left of it.
pub(super) struct SshFiles {
    private_key: File,
    known_hosts: File,
    first_contact: bool,
}

impl SshFiles {
    pub fn new(
        hostname: &Hostname,
        access: &SshAccess,
        host_key: Option<&str>,
    ) -> io::Result<Self> {
        let known = host_key.map(|key| format!("{hostname} {key}\n"));
        Ok(Self {
            private_key: in_memory(access.private_key.reveal())?,
            known_hosts: in_memory(known.as_deref().unwrap_or_default())?,
            first_contact: host_key.is_none(),
        })
    }

    /// The host key that a first contact has brought: type and base64.
    pub fn learned(mut self) -> Option<String> {
        if !self.first_contact {
            return None;
        }
        let mut text = String::new();
        self.known_hosts.rewind().ok()?;
        self.known_hosts.read_to_string(&mut text).ok()?;
        let (_alias, key) = text.lines().next()?.split_once(' ')?;
        Some(key.trim().to_owned())
    }

    /// The arguments with which `ssh` runs a script on the VM, by nothing but what stands here: no
    /// configuration, agent or known host of the user that we run as counts. `at` is the address that
    /// the access's stands for.
    pub fn arguments(
        &self,
        hostname: &Hostname,
        access: &SshAccess,
        at: &str,
        connect: Duration,
        script: &Script,
    ) -> Vec<OsString> {
        let checking = if self.first_contact { "accept-new" } else { "yes" };
        let options = [
            "BatchMode=yes".to_owned(),
            "PreferredAuthentications=publickey".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
            "IdentityAgent=none".to_owned(),
            format!("IdentityFile={}", path(&self.private_key)),
            format!("HostKeyAlias={hostname}"),
            format!("UserKnownHostsFile={}", path(&self.known_hosts)),
            "GlobalKnownHostsFile=none".to_owned(),
            format!("StrictHostKeyChecking={checking}"),
            "CheckHostIP=no".to_owned(),
            "UpdateHostKeys=no".to_owned(),
            "HashKnownHosts=no".to_owned(),
            format!("ConnectTimeout={}", connect.as_secs().max(1)),
            "ServerAliveInterval=15".to_owned(),
            "ClearAllForwardings=yes".to_owned(),
            "LogLevel=ERROR".to_owned(),
            // Both ends have it in hardware. The default choice costs twice the CPU.
            "Ciphers=^aes128-gcm@openssh.com,aes256-gcm@openssh.com".to_owned(),
        ];
        let mut arguments: Vec<OsString> = ["-F", "none", "-T"].map(OsString::from).into();
        arguments.extend(options.into_iter().flat_map(|option| ["-o".into(), option.into()]));
        arguments.extend(["-p", &access.port.to_string()].map(OsString::from));
        arguments.extend(["-l", access.login.as_str()].map(OsString::from));
        arguments.extend(["--", at].map(OsString::from));
        arguments.push(command_line(script));
        arguments
    }
}

/// `ssh` closes the descriptors that it inherits, so it opens ours by way of `/proc`, which only
/// our user may.
fn path(file: &File) -> String {
    format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd())
}

fn in_memory(text: &str) -> io::Result<File> {
    let mut file = File::from(memfd_create("lablink-ssh", MFdFlags::MFD_CLOEXEC)?);
    // `ssh` takes no key that others could read.
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}
