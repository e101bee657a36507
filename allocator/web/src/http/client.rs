use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZero,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{Extensions, HeaderMap, header, request::Parts},
};

use super::{
    Problem, Scheme,
    forwarded::{Forwarded, Proxies},
};

/// Where a request comes from, past the proxies that we trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub address: IpAddr,
    pub scheme: Scheme,
    /// The host name by which it called us or our proxy, if it sent one.
    pub host: Option<String>,
}

impl Client {
    pub fn calling(extensions: &Extensions, headers: &HeaderMap, proxies: &Proxies) -> Self {
        Self::of(peer(extensions), headers, proxies)
    }

    /// Reads the hops from the end, which our own proxies wrote, as long as the next one is ours:
    /// what a caller wrote itself is never believed. It stops at a hop that can't be read, since
    /// what stands before it may be the caller's.
    fn of(peer: IpAddr, headers: &HeaderMap, proxies: &Proxies) -> Self {
        let called = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let called = called.map(str::to_owned);
        if !proxies.trusts(peer) {
            return Self { address: peer, scheme: Scheme::Http, host: called };
        }
        let Forwarded { hops, scheme, host } = Forwarded::read(headers, proxies.header);
        let mut address = peer;
        let most = proxies.hops.map_or(usize::MAX, NonZero::get);
        for hop in hops.into_iter().rev().take(most) {
            let Some(hop) = hop else { break };
            address = hop;
            if !proxies.trusts(hop) {
                break;
            }
        }
        let https = scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
        let scheme = if https { Scheme::Https } else { Scheme::Http };
        Self { address, scheme, host: host.filter(|host| !host.is_empty()).or(called) }
    }
}

/// The address at the other end of the connection.
pub(crate) fn peer(extensions: &Extensions) -> IpAddr {
    let peer = extensions.get().map(|ConnectInfo::<SocketAddr>(peer)| peer.ip());
    // A router that is called without a connection, as in tests, is called from here.
    peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)).to_canonical()
}

/// Found out once, by [`EveryRequest`](crate::layers::EveryRequest).
impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(|| Problem::internal(&Unseen))
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the request did not pass the layers")]
struct Unseen;

#[cfg(test)]
mod tests;
