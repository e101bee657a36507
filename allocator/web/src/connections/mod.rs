//! The connections that requests come by: how many there may be, and for how long one may take
//! without getting on.
//!
//! ```text
//! accept ─ register (a slot, or turned away) ─▶ drive: hyper on a watched stream ─▶ router
//!                                                  ╰─ parked: until a late answer is there
//! ```
//!
//! What a peer owes us (a head, a body, to read its answer) has a time limit; silence on our side,
//! as in waits and streams, has none.

mod body;
mod connection;
mod delivery;
mod drive;
mod later;
mod limits;
mod progress;
mod register;
mod service;
mod stream;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::Router;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use self::limits::{Bounds, ConnectionLimits, Patience};
use self::{connection::Connection, drive::drive, register::Register};
pub(crate) use self::{
    delivery::{Delivery, Taken, told},
    later::Later,
    register::Slot,
};
use crate::Proxies;

/// Connections that may wait to be accepted: a flood must not make others wait for a second try.
const BACKLOG: u32 = 4096;
/// The pause after the system has had no room for another connection.
const PAUSE: Duration = Duration::from_millis(50);

/// Listens for [`serve`].
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Answers by `router` until `shutdown`, and then until the requests that run have come to their
/// end.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ConnectionLimits,
    proxies: Proxies,
    shutdown: CancellationToken,
) {
    let register = Arc::new(Register::new(limits.bounds, proxies));
    let tasks = TaskTracker::new();
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => {
                if set_options(&stream, limits.patience).is_err() {
                    continue; // It is gone already.
                }
                let slot = Slot::take(&register, peer.ip());
                let connection = Connection::new(stream, peer, slot, limits.patience);
                tasks.spawn(drive(connection, router.clone(), shutdown.clone()));
            }
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a connection can't be accepted"
                );
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

/// Whether a connection ended before it was accepted.
fn is_the_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

/// What the kernel does for us with what it holds of an answer.
fn set_options(stream: &TcpStream, patience: Patience) -> io::Result<()> {
    let socket = socket2::SockRef::from(stream);
    socket.set_tcp_nodelay(true)?;
    // A peer that acknowledges or reads nothing for this long is gone.
    socket.set_tcp_user_timeout(Some(patience.writing))?;
    // The kernel keeps no more than this waiting for it.
    socket.set_tcp_notsent_lowat(UNSENT)
}

const UNSENT: u32 = 128 * 1024;
