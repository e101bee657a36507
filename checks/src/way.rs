use std::{net::SocketAddr, time::Duration};

use reqwest::Url;
use tokio::net::{TcpStream, lookup_host};

use super::{Checkup, Code, Finding, Roots, certificate, ready};

const CONNECT: Duration = Duration::from_secs(5);

/// The way to an allocator: its URL, and whom its certificate must come from.
#[derive(Clone, Debug)]
pub struct Way {
    pub url: Url,
    pub roots: Roots,
}

impl Way {
    /// Name, port, certificate and answer, each resting on the one before.
    pub fn add_to(&self, checkup: &mut Checkup) {
        let way = self.clone();
        checkup.check(Code::Name, &[Code::Host], move || {
            let url = way.url.clone();
            async move { name(&url).await }
        });
        let way = self.clone();
        checkup.check(Code::Port, &[Code::Name], move || {
            let url = way.url.clone();
            async move { port(&url).await }
        });
        let way = self.clone();
        checkup.check(Code::Tls, &[Code::Port], move || {
            let Way { url, roots } = way.clone();
            async move { certificate(&url, &roots).await }
        });
        let way = self.clone();
        checkup.check(Code::Ready, &[Code::Port, Code::Tls], move || {
            let Way { url, roots } = way.clone();
            async move { ready(&url, &roots).await }
        });
    }
}

/// Whether the URL's host has an address.
pub async fn name(url: &Url) -> Finding {
    let (host, port) = parts(url);
    match resolve(&host, port).await {
        Ok(found) => {
            let all: Vec<String> = found.iter().map(|it| it.ip().to_string()).collect();
            Finding::well(format!("{host} is {}.", all.join(", ")))
        }
        Err(reason) => Finding::broken(
            format!("{host} has no address: {reason}."),
            "Make its record at whoever runs the domain, or correct dns.domain; a new record takes \
             some minutes.",
        ),
    }
}

/// Whether something listens there.
pub async fn port(url: &Url) -> Finding {
    let (host, port) = parts(url);
    match connect(&host, port).await {
        Ok(stream) => {
            let peer = stream.peer_addr().map_or_else(|_| host, |peer| peer.to_string());
            Finding::well(format!("{peer} takes connections."))
        }
        Err(reason) => Finding::broken(
            format!("Nothing takes connections at {host}, port {port}: {reason}."),
            "Look whether the record points to the host, whether firewalls and security groups let \
             you in, and whether the allocator or its proxy runs.",
        ),
    }
}

pub(crate) async fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    let addresses = resolve(host, port).await?;
    let mut last = "it has no address".to_owned();
    for address in addresses {
        match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = error.to_string(),
            Err(_elapsed) => last = format!("no answer for {} s", CONNECT.as_secs()),
        }
    }
    Err(last)
}

async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let found: Vec<SocketAddr> =
        lookup_host((host, port)).await.map_err(|error| error.to_string())?.collect();
    if found.is_empty() { Err("the look-up gave none".to_owned()) } else { Ok(found) }
}

/// Host without brackets, and port.
pub(crate) fn parts(url: &Url) -> (String, u16) {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    (host, url.port_or_known_default().unwrap_or(80))
}
