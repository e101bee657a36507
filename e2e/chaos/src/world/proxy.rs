//! The network between one allocator and Postgres, and what can go wrong with it.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Result;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
    task::JoinHandle,
};

/// Takes TCP connections, and hands their bytes to the server's socket.
pub struct Proxy {
    pub port: u16,
    network: watch::Sender<Network>,
    accepting: JoinHandle<()>,
}

/// How the network is. Connections are numbered from 1 in the order in which they came.
#[derive(Clone, Copy, Debug)]
struct Network {
    latest: u64,
    /// No byte passes, and nobody is told.
    stalled: bool,
    /// New connections are closed at once.
    refusing: bool,
    /// Connections up to this one are closed.
    cut: u64,
    /// Connections up to this one are dead, and their clients don't hear of it.
    vanished: u64,
}

impl Network {
    fn passes(&self, number: u64) -> bool {
        !self.stalled && number > self.vanished
    }
}

impl Proxy {
    pub async fn open(socket: PathBuf) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let whole = Network { latest: 0, stalled: false, refusing: false, cut: 0, vanished: 0 };
        let (network, _) = watch::channel(whole);
        let accepting = tokio::spawn(accept(listener, socket, network.clone()));
        Ok(Self { port, network, accepting })
    }

    /// From now on nothing passes, until [`Self::mend`].
    pub fn stall(&self) {
        self.network.send_modify(|network| network.stalled = true);
    }

    /// Closes what is open and refuses what comes, until [`Self::mend`].
    pub fn cut(&self) {
        self.network.send_modify(|network| {
            network.cut = network.latest;
            network.refusing = true;
        });
    }

    /// What is open now never says anything again; what comes works.
    pub fn vanish(&self) {
        self.network.send_modify(|network| network.vanished = network.latest);
    }

    pub fn mend(&self) {
        self.network.send_modify(|network| {
            network.stalled = false;
            network.refusing = false;
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, socket: PathBuf, network: watch::Sender<Network>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        let mut number = 0;
        network.send_modify(|network| {
            network.latest += 1;
            number = network.latest;
        });
        if !network.borrow().refusing {
            let (socket, network) = (socket.clone(), network.subscribe());
            tokio::spawn(async move {
                // A connection that breaks is what this program is about.
                let _broken = carry(client, &socket, network, number).await;
            });
        }
    }
}

/// A client that has heard nothing for so long has given up.
const FORGOTTEN: Duration = Duration::from_secs(120);

async fn carry(
    mut client: TcpStream,
    socket: &Path,
    network: watch::Receiver<Network>,
    number: u64,
) -> io::Result<()> {
    let (mut cut, mut vanished) = (network.clone(), network.clone());
    let passing = async {
        until(&mut network.clone(), |network| network.passes(number)).await;
        let mut server = UnixStream::connect(socket).await?;
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        tokio::select! {
            ended = pump(from_client, to_server, network.clone(), number) => ended,
            ended = pump(from_server, to_client, network.clone(), number) => ended,
        }
    };
    tokio::select! {
        ended = passing => return ended,
        () = until(&mut cut, |network| number <= network.cut) => return Ok(()),
        () = until(&mut vanished, |network| number <= network.vanished) => {}
    }
    // The server's side is closed by now. The client's stays open, and silent.
    let closed = until(&mut cut, |network| number <= network.cut);
    let _forgotten = tokio::time::timeout(FORGOTTEN, closed).await;
    Ok(())
}

async fn until(network: &mut watch::Receiver<Network>, is_so: impl FnMut(&Network) -> bool) {
    // What it answers holds a lock, under which nothing could change.
    drop(network.wait_for(is_so).await);
}

/// What was read when the network stalled is handed on after that.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut network: watch::Receiver<Network>,
    number: u64,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        until(&mut network, |network| network.passes(number)).await;
        if read == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..read]).await?;
    }
}

#[cfg(test)]
mod tests {
    use tokio::{net::UnixListener, time::timeout};

    use super::*;

    const SOON: Duration = Duration::from_millis(300);

    /// A proxy before a server that sends back what it gets.
    async fn echo() -> (tempfile::TempDir, Proxy) {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let listener = UnixListener::bind(&socket).unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        let proxy = Proxy::open(socket).await.unwrap();
        (folder, proxy)
    }

    async fn connect(proxy: &Proxy) -> TcpStream {
        TcpStream::connect(("127.0.0.1", proxy.port)).await.unwrap()
    }

    /// What comes back of one byte: the byte, an end, or nothing in time.
    async fn said(stream: &mut TcpStream) -> Option<usize> {
        let _broken = stream.write_all(b"x").await;
        timeout(SOON, stream.read(&mut [0; 8])).await.ok().map(|read| read.unwrap_or(0))
    }

    #[tokio::test]
    async fn a_stall_holds_everything_back_and_loses_nothing() {
        let (_folder, proxy) = echo().await;
        let mut stream = connect(&proxy).await;
        assert_eq!(said(&mut stream).await, Some(1));
        proxy.stall();
        assert_eq!(said(&mut stream).await, None);
        proxy.mend();
        assert_eq!(timeout(SOON, stream.read(&mut [0; 8])).await.unwrap().unwrap(), 1);
    }

    #[tokio::test]
    async fn a_cut_closes_what_is_open_and_refuses_what_comes() {
        let (_folder, proxy) = echo().await;
        let mut stream = connect(&proxy).await;
        assert_eq!(said(&mut stream).await, Some(1));
        proxy.cut();
        assert_eq!(said(&mut stream).await, Some(0));
        assert_eq!(said(&mut connect(&proxy).await).await, Some(0));
        proxy.mend();
        assert_eq!(said(&mut connect(&proxy).await).await, Some(1));
    }

    #[tokio::test]
    async fn what_vanished_is_silent_for_ever_and_what_comes_works() {
        let (_folder, proxy) = echo().await;
        let mut stream = connect(&proxy).await;
        assert_eq!(said(&mut stream).await, Some(1));
        proxy.vanish();
        assert_eq!(said(&mut stream).await, None);
        assert_eq!(said(&mut connect(&proxy).await).await, Some(1));
        proxy.mend();
        assert_eq!(said(&mut stream).await, None);
    }
}
