use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    path::PathBuf,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::Poll,
    time::Duration,
};

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream, lookup_host};
use tokio_postgres::{
    Client, Config, Connection, Error, SimpleQueryMessage,
    config::{Host, TargetSessionAttrs},
    tls::MakeTlsConnect,
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{
    limits,
    wire::{Bytes, Dialling, Patience, Wire},
};

pub(crate) type Driver = Connection<Wire, <MakeRustlsConnect as MakeTlsConnect<Wire>>::Stream>;

/// One of the places that an address names.
enum Place {
    Socket(PathBuf),
    /// A name or an address, and a port.
    Tcp(String, u16),
}

/// Connects to the first of an address's hosts that answers. `silence` is how long it may say
/// nothing then, while something is due from it.
///
/// tokio-postgres could dial by itself, but its sockets know no limit for silence.
pub(super) async fn dial(
    config: &Config,
    tls: &MakeRustlsConnect,
    silence: Duration,
) -> Result<(Client, Driver), Error> {
    let hosts = places(config);
    let share = limits::CONNECT / u32::try_from(hosts.len().max(1)).unwrap_or(u32::MAX);
    let mut failed = None;
    for (place, name) in hosts {
        let dialling: Dialling = Box::pin(open(place, share));
        match session(config, tls, &name, dialling, share, silence).await {
            Ok(session) => return Ok(session),
            Err(error) => failed = Some(error),
        }
    }
    match failed {
        Some(error) => Err(error),
        None => {
            let nowhere = async { Err(io::Error::other("the address names no host")) };
            session(config, tls, "", Box::pin(nowhere), share, silence).await
        }
    }
}

async fn session(
    config: &Config,
    tls: &MakeRustlsConnect,
    name: &str,
    dialling: Dialling,
    login: Duration,
    silence: Duration,
) -> Result<(Client, Driver), Error> {
    let logged_in = Arc::new(AtomicBool::new(false));
    let patience = Patience { login, session: silence, logged_in: Arc::clone(&logged_in) };
    let wire = Wire::new(dialling, patience.clone());
    let Ok(connector) = MakeTlsConnect::<Wire>::make_tls_connect(&mut tls.clone(), name);
    let (client, mut driver) = config.connect_raw(wire, connector).await?;
    if !is_wanted(config.get_target_session_attrs(), &client, &mut driver).await? {
        let other =
            async { Err(io::Error::other("the server is not what target_session_attrs asks for")) };
        let Ok(connector) = MakeTlsConnect::<Wire>::make_tls_connect(&mut tls.clone(), name);
        return config.connect_raw(Wire::new(Box::pin(other), patience), connector).await;
    }
    logged_in.store(true, Relaxed);
    Ok((client, driver))
}

/// The places, each with the name by which TLS knows it.
fn places(config: &Config) -> Vec<(Place, String)> {
    let (hosts, addresses, ports) =
        (config.get_hosts(), config.get_hostaddrs(), config.get_ports());
    let place = |index: usize| {
        let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        let (host, address) = (hosts.get(index), addresses.get(index));
        let name = match host {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(_)) | None => String::new(),
        };
        let place = match (address, host) {
            (Some(address), _) => Place::Tcp(address.to_string(), port),
            (None, Some(Host::Unix(folder))) => {
                Place::Socket(folder.join(format!(".s.PGSQL.{port}")))
            }
            (None, _) => Place::Tcp(name.clone(), port),
        };
        (place, name)
    };
    (0..hosts.len().max(addresses.len())).map(place).collect()
}

async fn open(place: Place, limit: Duration) -> io::Result<Box<dyn Bytes>> {
    let (name, port) = match place {
        Place::Socket(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
        Place::Tcp(name, port) => (name, port),
    };
    let addresses: Vec<SocketAddr> = lookup_host((name.as_str(), port)).await?.collect();
    let share = limit / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let mut failed = io::Error::other("the host's name has no address");
    for address in addresses {
        match tokio::time::timeout(share, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                tune(&stream)?;
                return Ok(Box::new(stream));
            }
            Ok(Err(error)) => failed = error,
            Err(_elapsed) => failed = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(failed)
}

fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new()
        .with_time(limits::KEEPALIVE_IDLE)
        .with_interval(limits::KEEPALIVE_INTERVAL)
        .with_retries(limits::KEEPALIVE_RETRIES);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_user_timeout(Some(limits::UNACKNOWLEDGED))
}

/// Whether the server takes writes, or does not, as the address asks.
async fn is_wanted(
    wanted: TargetSessionAttrs,
    client: &Client,
    driver: &mut Driver,
) -> Result<bool, Error> {
    let read_only = match wanted {
        TargetSessionAttrs::ReadWrite => "off",
        TargetSessionAttrs::ReadOnly => "on",
        _ => return Ok(true),
    };
    let mut asking = pin!(client.simple_query("show transaction_read_only"));
    let answer = poll_fn(|context| {
        // The caller notices its end.
        while let Poll::Ready(Some(Ok(_))) = driver.poll_message(context) {}
        asking.as_mut().poll(context)
    });
    let is = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => row.get(0) == Some(read_only),
        _ => false,
    };
    Ok(answer.await?.iter().any(is))
}
