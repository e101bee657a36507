use std::fmt;

use serde::{Deserialize, Serialize};

/// A layer of a deployment that can be broken, in the order in which they rest on each other.
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Code {
    Identity,
    Bucket,
    StateLock,
    Host,
    HostLog,
    Name,
    Port,
    Tls,
    Ready,
    Login,
    Database,
    DatabaseRights,
    DatabaseListen,
    Terraform,
    Providers,
    Forwarder,
    PathBack,
    Token,
    Clock,
    Disk,
    Quota,
}

impl Code {
    pub const ALL: [Self; 21] = [
        Self::Identity,
        Self::Bucket,
        Self::StateLock,
        Self::Host,
        Self::HostLog,
        Self::Name,
        Self::Port,
        Self::Tls,
        Self::Ready,
        Self::Login,
        Self::Database,
        Self::DatabaseRights,
        Self::DatabaseListen,
        Self::Terraform,
        Self::Providers,
        Self::Forwarder,
        Self::PathBack,
        Self::Token,
        Self::Clock,
        Self::Disk,
        Self::Quota,
    ];

    /// As it is written in reports, and the name of its guide.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Bucket => "bucket",
            Self::StateLock => "state-lock",
            Self::Host => "host",
            Self::HostLog => "host-log",
            Self::Name => "name",
            Self::Port => "port",
            Self::Tls => "tls",
            Self::Ready => "ready",
            Self::Login => "login",
            Self::Database => "database",
            Self::DatabaseRights => "database-rights",
            Self::DatabaseListen => "database-listen",
            Self::Terraform => "terraform",
            Self::Providers => "providers",
            Self::Forwarder => "forwarder",
            Self::PathBack => "path-back",
            Self::Token => "token",
            Self::Clock => "clock",
            Self::Disk => "disk",
            Self::Quota => "quota",
        }
    }

    /// Its page of `docs/doctor`, as Markdown: what it looks at, what breaks it, what to do.
    pub fn guide(self) -> &'static str {
        match self {
            Self::Identity => include_str!("../../docs/doctor/identity.md"),
            Self::Bucket => include_str!("../../docs/doctor/bucket.md"),
            Self::StateLock => include_str!("../../docs/doctor/state-lock.md"),
            Self::Host => include_str!("../../docs/doctor/host.md"),
            Self::HostLog => include_str!("../../docs/doctor/host-log.md"),
            Self::Name => include_str!("../../docs/doctor/name.md"),
            Self::Port => include_str!("../../docs/doctor/port.md"),
            Self::Tls => include_str!("../../docs/doctor/tls.md"),
            Self::Ready => include_str!("../../docs/doctor/ready.md"),
            Self::Login => include_str!("../../docs/doctor/login.md"),
            Self::Database => include_str!("../../docs/doctor/database.md"),
            Self::DatabaseRights => include_str!("../../docs/doctor/database-rights.md"),
            Self::DatabaseListen => include_str!("../../docs/doctor/database-listen.md"),
            Self::Terraform => include_str!("../../docs/doctor/terraform.md"),
            Self::Providers => include_str!("../../docs/doctor/providers.md"),
            Self::Forwarder => include_str!("../../docs/doctor/forwarder.md"),
            Self::PathBack => include_str!("../../docs/doctor/path-back.md"),
            Self::Token => include_str!("../../docs/doctor/token.md"),
            Self::Clock => include_str!("../../docs/doctor/clock.md"),
            Self::Disk => include_str!("../../docs/doctor/disk.md"),
            Self::Quota => include_str!("../../docs/doctor/quota.md"),
        }
    }

    /// What it looks at, in a few words: its guide's title.
    pub fn title(self) -> &'static str {
        self.guide().lines().next().unwrap_or_default().trim_start_matches("# ")
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_a_guide_that_says_what_to_do() {
        for code in Code::ALL {
            let guide = code.guide();
            assert!(guide.starts_with("# ") && code.title().len() < 60, "{code}");
            assert!(guide.contains("\n## What to do\n"), "{code}");
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
        assert!(Code::ALL.is_sorted());
    }

    #[test]
    fn no_guide_is_without_its_code() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/doctor");
        for entry in std::fs::read_dir(folder).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let stem = name.trim_end_matches(".md");
            let known = stem == "README" || Code::ALL.iter().any(|code| code.as_str() == stem);
            assert!(known, "{name}");
        }
    }
}
