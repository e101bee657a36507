//! Where a machine is reached. None of these values can be taken for an option of `ssh`.

use std::{fmt, net::IpAddr, str::FromStr};

use lablink_protocol::Hostname;

/// A name or an IP address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshAddress(String);

/// The user to log in as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshLogin(String);

/// Where a machine's results lie: an absolute path on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultsDirectory(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPlace {
    #[error("write a host name or an IP address, such as desk-7.lab.example.org")]
    Address,
    #[error("write a user name of at most 32 letters, digits, dots, - and _, such as ubuntu")]
    Login,
    #[error("write an absolute path of at most 1024 characters, such as /home/student/Desktop")]
    Directory,
}

impl From<IpAddr> for SshAddress {
    fn from(address: IpAddr) -> Self {
        Self(address.to_string())
    }
}

impl FromStr for SshAddress {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        let text = text.trim();
        if text.parse::<IpAddr>().is_ok() || text.parse::<Hostname>().is_ok() {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidPlace::Address)
        }
    }
}

impl FromStr for SshLogin {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        let text = text.trim();
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        let begins_well = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        if begins_well && text.len() <= 32 && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidPlace::Login)
        }
    }
}

impl FromStr for ResultsDirectory {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, InvalidPlace> {
        let text = text.trim();
        let climbs = text.split('/').any(|part| part == "..");
        if text.starts_with('/')
            && text.len() <= 1024
            && !climbs
            && !text.contains(|c: char| c.is_control())
        {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidPlace::Directory)
        }
    }
}

macro_rules! shown {
    ($($name:ident),+) => {
        $(impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        })+
    };
}

shown!(SshAddress, SshLogin, ResultsDirectory);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_taken_for_an_option_or_a_second_word() {
        for text in ["-oProxyCommand=x", "", "a b", "user@host", "a\nb", "ä"] {
            assert!(text.parse::<SshAddress>().is_err(), "{text:?}");
            assert!(text.parse::<SshLogin>().is_err(), "{text:?}");
        }
        for text in ["", "Desktop", "~/Desktop", "/a/../b", "/a\0", "-x"] {
            assert!(text.parse::<ResultsDirectory>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn names_addresses_and_folders_with_spaces_are_fine() {
        for text in ["desk-7.lab.example.org", "10.0.0.7", "fe80::1", " desk "] {
            assert!(text.parse::<SshAddress>().is_ok(), "{text:?}");
        }
        assert!("_lab.user-1".parse::<SshLogin>().is_ok());
        assert!("/home/a student/Desktop".parse::<ResultsDirectory>().is_ok());
    }
}
