use ipnet::IpNet;

use crate::config::{section::Section, syntax::networks};

/// `proxy`: what stands between us and the callers.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Addresses and networks of our proxies, whose `X-Forwarded-For` and `X-Forwarded-Proto` are
    /// believed; default none. Needed for limits per address behind a proxy.
    pub trusted: Vec<IpNet>,
}

impl Proxy {
    pub(in crate::config) fn read(proxy: &mut Section<'_>) -> Self {
        Self { trusted: proxy.value("trusted", networks).unwrap_or_default() }
    }
}
