use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    num::NonZero,
};

use axum::http::{HeaderMap, header};
use ipnet::IpNet;
use lablink_protocol::ProxyHeader;

/// Our own proxies, and how they say who called them.
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    pub trusted: Vec<IpNet>,
    pub header: ProxyHeader,
    /// How many of them a request passes. None: all trusted ones in a row; a caller inside a
    /// trusted network can then claim to be somebody else.
    pub hops: Option<NonZero<usize>>,
}

impl Proxies {
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|net| net.contains(&address))
    }
}

/// What a request's headers say of the way that it came.
pub(super) struct Forwarded {
    /// From the caller's end to ours; none for a hop that can't be read.
    pub hops: Vec<Option<IpAddr>>,
    /// The caller's own scheme and the name that it called. False ones harm only their sender.
    pub scheme: Option<String>,
    pub host: Option<String>,
}

impl Forwarded {
    pub fn read(headers: &HeaderMap, header: ProxyHeader) -> Self {
        match header {
            ProxyHeader::XForwardedFor => Self {
                hops: lines(headers, "x-forwarded-for")
                    .flat_map(|line| line.split(',').map(hop).collect::<Vec<_>>())
                    .collect(),
                scheme: first_of(headers, "x-forwarded-proto"),
                host: first_of(headers, "x-forwarded-host"),
            },
            ProxyHeader::Forwarded => {
                let lines: Vec<String> = lines(headers, header::FORWARDED.as_str()).collect();
                // A quote that the caller left open would take in what our proxy wrote behind it.
                let elements: Vec<&str> = lines
                    .iter()
                    .flat_map(|it| unquoted(it, ',').unwrap_or_else(|| vec![UNREADABLE]))
                    .collect();
                let first = |name| elements.iter().find_map(|element| parameter(element, name));
                Self {
                    hops: elements
                        .iter()
                        .map(|element| parameter(element, "for").and_then(|name| hop(&name)))
                        .collect(),
                    scheme: first("proto"),
                    host: first("host"),
                }
            }
        }
    }
}

/// The header's values, whatever bytes they hold: one that can't be read must not vanish.
fn lines(headers: &HeaderMap, name: &str) -> impl Iterator<Item = String> {
    headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn first_of(headers: &HeaderMap, name: &str) -> Option<String> {
    let line = lines(headers, name).next()?;
    line.split(',').next().map(|value| value.trim().to_owned())
}

/// An address as proxies write it: plain, in brackets, with a port.
fn hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
    let address: Option<IpAddr> = text
        .parse()
        .ok()
        .or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()))
        .or_else(|| in_brackets().map(IpAddr::V6));
    address.map(|address| address.to_canonical())
}

/// The value of one parameter of an element such as `for="[2001:db8::1]:80";proto=https`.
fn parameter(element: &str, name: &str) -> Option<String> {
    unquoted(element, ';')?.into_iter().find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let value = value.trim();
        let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let value = quoted.map_or_else(|| value.to_owned(), |text| text.replace('\\', ""));
        key.trim().eq_ignore_ascii_case(name).then_some(value)
    })
}

/// An element without parameters.
const UNREADABLE: &str = "";

/// The parts between separators that stand outside of quotes; none if a quote is left open.
fn unquoted(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let parts = text
        .split(|c| {
            let ends_part = c == separator && !is_quoted;
            is_quoted ^= c == '"' && !is_escaped;
            is_escaped = c == '\\' && is_quoted && !is_escaped;
            ends_part
        })
        .collect();
    (!is_quoted).then_some(parts)
}
