use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{Extensions, HeaderMap, request::Parts},
};
use ipnet::IpNet;

use crate::AppState;

/// Where a request comes from, past the proxies that we trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub address: IpAddr,
    pub scheme: Scheme,
}

/// How the caller reached us, or our proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    Http,
    Https,
}

impl Client {
    pub fn calling(extensions: &Extensions, headers: &HeaderMap, state: &AppState) -> Self {
        let peer = extensions.get().map(|ConnectInfo::<SocketAddr>(peer)| peer.ip());
        // A router that is called without a connection, as in tests, is called from here.
        let peer = peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)).to_canonical();
        Self::of(peer, headers, &state.settings.trusted_proxies)
    }

    /// Goes through `X-Forwarded-For` from the end, where our own proxies wrote, for as long as
    /// the next hop is one of ours: what a caller wrote itself is never believed.
    fn of(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Self {
        let is_ours = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        if !is_ours(&peer) {
            return Self { address: peer, scheme: Scheme::Http };
        }
        let hops =
            headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
        let hops: Vec<IpAddr> = hops
            .flat_map(|value| value.split(','))
            .filter_map(|hop| hop.trim().parse().ok())
            .collect();
        let address = hops.iter().rev().find(|hop| !is_ours(hop)).copied().unwrap_or(peer);
        let https = text("x-forwarded-proto").is_some_and(|scheme| scheme.trim() == "https");
        Self { address, scheme: if https { Scheme::Https } else { Scheme::Http } }
    }
}

impl FromRequestParts<AppState> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        Ok(Self::calling(&parts.extensions, &parts.headers, state))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let headers = forwarded
            .iter()
            .map(|hops| ("x-forwarded-for".parse().unwrap(), hops.parse().unwrap()));
        let trusted = ["127.0.0.1/32".parse().unwrap(), "10.0.0.0/8".parse().unwrap()];
        Client::of(peer.parse().unwrap(), &headers.collect(), &trusted).address.to_string()
    }

    #[test]
    fn only_our_own_proxies_are_believed() {
        assert_eq!(client("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(client("127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("127.0.0.1", &["1.2.3.4, 198.51.100.1", "10.0.0.7"]), "198.51.100.1");
        assert_eq!(client("127.0.0.1", &["nonsense"]), "127.0.0.1");
        assert_eq!(client("127.0.0.1", &[]), "127.0.0.1");
    }
}
