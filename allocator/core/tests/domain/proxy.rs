use std::{
    io,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
};
use tokio_postgres::{Config, config::Host};

/// A way to Postgres that can fall silent: it takes bytes, passes none on, and closes nothing.
pub struct Proxy {
    pub config: Config,
    silent: watch::Sender<bool>,
    /// For each connection: whether it stays silent for ever.
    lost: Arc<Mutex<Vec<Arc<AtomicBool>>>>,
}

impl Proxy {
    pub async fn to(server: &Config) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = Config::new();
        config.host("127.0.0.1").port(listener.local_addr().unwrap().port());
        config.user(server.get_user().unwrap()).dbname(server.get_dbname().unwrap());
        let port = server.get_ports().first().copied().unwrap_or(5432);
        let socket = match &server.get_hosts()[0] {
            Host::Unix(folder) => folder.join(format!(".s.PGSQL.{port}")),
            Host::Tcp(name) => panic!("the tests' Postgres is at {name}, not at a socket"),
        };
        let (silent, lost) = (watch::Sender::new(false), Arc::default());
        tokio::spawn(serve(listener, socket, silent.subscribe(), Arc::clone(&lost)));
        Self { config, silent, lost }
    }

    pub fn fall_silent(&self) {
        self.silent.send_replace(true);
    }

    /// Connections from before stay silent, as behind another route.
    pub fn let_new_ones_pass(&self) {
        self.lost.lock().unwrap().iter().for_each(|lost| lost.store(true, SeqCst));
        self.silent.send_replace(false);
    }

    /// The first connection that was made falls silent alone.
    pub fn lose_first(&self) {
        self.lost.lock().unwrap()[0].store(true, SeqCst);
    }

    /// The connections that are there now fall silent alone.
    pub fn lose_these(&self) {
        self.lost.lock().unwrap().iter().for_each(|lost| lost.store(true, SeqCst));
    }
}

async fn serve(
    listener: TcpListener,
    socket: PathBuf,
    silent: watch::Receiver<bool>,
    all: Arc<Mutex<Vec<Arc<AtomicBool>>>>,
) {
    loop {
        until_heard(&mut silent.clone()).await;
        let (near, _) = listener.accept().await.unwrap();
        let (silent, lost) = (silent.clone(), Arc::new(AtomicBool::new(false)));
        all.lock().unwrap().push(Arc::clone(&lost));
        tokio::spawn(pass(near, socket.clone(), silent, lost));
    }
}

async fn pass(
    near: TcpStream,
    socket: PathBuf,
    silent: watch::Receiver<bool>,
    lost: Arc<AtomicBool>,
) -> io::Result<()> {
    let far = UnixStream::connect(socket).await?;
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let back = copy(far_in, near_out, silent.clone(), Arc::clone(&lost));
    let (there, back) = tokio::join!(copy(near_in, far_out, silent, lost), back);
    there.and(back)
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut silent: watch::Receiver<bool>,
    lost: Arc<AtomicBool>,
) -> io::Result<()> {
    let mut buffer = [0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        until_heard(&mut silent).await;
        if lost.load(SeqCst) {
            return std::future::pending().await;
        }
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..count]).await?;
    }
}

async fn until_heard(silent: &mut watch::Receiver<bool>) {
    let _proxy_gone = silent.wait_for(|silent| !silent).await;
}
