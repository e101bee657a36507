use std::{fmt, str::FromStr};

use reqwest::Url;

/// Base URL of the allocator, without a final slash: `http://host[:port][/path]`.
#[derive(Clone, Debug)]
pub struct AllocatorUrl(String);

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an allocator URL: write it as http://HOST:PORT or https://HOST")]
pub struct InvalidAllocatorUrl(String);

impl AllocatorUrl {
    /// The URL of an endpoint; `path` starts with a slash.
    pub fn endpoint(&self, path: &str) -> Result<Url, InvalidAllocatorUrl> {
        parse(&format!("{}{path}", self.0))
    }
}

impl fmt::Display for AllocatorUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AllocatorUrl {
    type Err = InvalidAllocatorUrl;

    /// Takes away final slashes, and a dot right after `://`, which deployments with an empty
    /// subdomain used to write (contract §3.1).
    fn from_str(text: &str) -> Result<Self, InvalidAllocatorUrl> {
        let base = text.trim().trim_end_matches('/').replacen("://.", "://", 1);
        parse(&base)?;
        Ok(Self(base))
    }
}

fn parse(text: &str) -> Result<Url, InvalidAllocatorUrl> {
    Url::parse(text)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))
        // A password in it would end up in logs.
        .filter(|url| url.username().is_empty() && url.password().is_none())
        .ok_or_else(|| InvalidAllocatorUrl(without_credentials(text)))
}

fn without_credentials(text: &str) -> String {
    text.rsplit('@').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heartbeat(base: &str) -> String {
        let base = base.parse::<AllocatorUrl>().unwrap();
        base.endpoint("/api/agent/heartbeat").unwrap().to_string()
    }

    #[test]
    fn repairs_final_slashes_and_an_empty_subdomain() {
        assert_eq!(heartbeat("http://a:5000//"), "http://a:5000/api/agent/heartbeat");
        assert_eq!(heartbeat("https://.lab.org"), "https://lab.org/api/agent/heartbeat");
        assert_eq!(heartbeat("http://lab.org/x/"), "http://lab.org/x/api/agent/heartbeat");
    }

    #[test]
    fn refuses_what_is_no_web_address_without_repeating_a_password() {
        for text in ["", "lab.org", "ftp://lab.org", "http://"] {
            assert!(text.parse::<AllocatorUrl>().is_err(), "{text}");
        }
        let refusal = "http://me:secret@lab.org".parse::<AllocatorUrl>().unwrap_err();
        assert!(!refusal.to_string().contains("secret"), "{refusal}");
    }
}
