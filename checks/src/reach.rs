use std::{net::SocketAddr, time::Duration};

use reqwest::Url;
use tokio::net::{TcpStream, lookup_host};

use super::Finding;

const CONNECT: Duration = Duration::from_secs(5);

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
