use ipnet::IpNet;

use lablink_web::ProxyHeader;

use crate::config::{
    section::Section,
    syntax::{networks, one_of},
};

/// `proxy`: what stands between us and the callers.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Addresses and networks of our proxies, whose word on the caller is believed; default none.
    /// Needed for limits per address behind a proxy.
    pub trusted: Vec<IpNet>,
    /// Which header they write: `x-forwarded-for` (default) or `forwarded`.
    pub header: ProxyHeader,
}

impl Proxy {
    pub(in crate::config) fn read(proxy: &mut Section<'_>) -> Self {
        let headers = [
            ("x-forwarded-for", ProxyHeader::XForwardedFor),
            ("forwarded", ProxyHeader::Forwarded),
        ];
        Self {
            trusted: proxy.value("trusted", networks).unwrap_or_default(),
            header: proxy.value("header", |text| one_of(&headers, text)).unwrap_or_default(),
        }
    }
}
