use std::num::NonZero;

use ipnet::IpNet;
use lablink_protocol::ProxyHeader;

use crate::{
    section::Section,
    syntax::{count, networks, one_of},
};

/// `proxy`: the proxies between the callers and the allocator.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Addresses and networks of trusted proxies, which say who the caller is; default none. Needed
    /// for limits per address behind a proxy.
    pub trusted: Vec<IpNet>,
    /// Which header they write: `x-forwarded-for` (default) or `forwarded`.
    pub header: ProxyHeader,
    /// How many of them each request passes; default none (0 in the file): as many as are trusted.
    pub hops: Option<NonZero<usize>>,
}

impl Proxy {
    pub(crate) fn read(proxy: &mut Section<'_>) -> Self {
        let headers = [
            ("x-forwarded-for", ProxyHeader::XForwardedFor),
            ("forwarded", ProxyHeader::Forwarded),
        ];
        Self {
            trusted: proxy.value("trusted", networks).unwrap_or_default(),
            header: proxy.value("header", |text| one_of(&headers, text)).unwrap_or_default(),
            hops: proxy.value("hops", count).and_then(|hops| NonZero::new(hops.try_into().ok()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    #[test]
    fn the_number_of_proxies_is_open_unless_the_file_says_it() {
        let hops = |yaml| Config::parse(yaml).unwrap().proxy.hops;
        assert_eq!((hops(""), hops("proxy: {hops: 0}")), (None, None));
        assert_eq!(hops("proxy: {hops: 1}"), NonZero::new(1));
        assert!(Config::parse("proxy: {hops: -1}").is_err());
    }
}
