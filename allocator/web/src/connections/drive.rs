use std::{
    future::poll_fn,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::ReadBuf,
    net::TcpStream,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Patience, Slot, progress::Progress, service::Requests, set_options, stream::WatchedStream,
};

/// The most of a head that is read, and of a body or an answer that is kept, in bytes. The router
/// refuses heads that are half as large, in words.
const BUFFER: usize = 32 * 1024;
const MOST_HEADERS: usize = 200;

/// Told to a peer whose head did not come; whoever never began one hears nothing.
const TIMEOUT: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Carries one connection to its end.
pub(super) async fn drive(
    stream: TcpStream,
    peer: SocketAddr,
    slot: Slot,
    patience: Patience,
    router: Router,
    shutdown: CancellationToken,
) {
    if set_options(&stream, patience).is_err() {
        return; // It is gone already.
    }
    let is_turned_away = slot.is_turned_away();
    let head = if is_turned_away { patience.turned_away } else { patience.head };
    let progress = Arc::new(Progress::new(Patience { head, ..patience }));
    let stream = Arc::new(stream);
    let io = WatchedStream { stream: Arc::clone(&stream), progress: Arc::clone(&progress) };
    let requests = Requests {
        router,
        peer,
        slot: slot.clone(),
        body_patience: patience.body,
        progress: Arc::clone(&progress),
    };
    let connection = http1::Builder::new()
        .keep_alive(!is_turned_away)
        // It would else keep a second buffer to hear of a peer that hangs up: see `has_hung_up`.
        .half_close(true)
        .header_read_timeout(None)
        .max_buf_size(BUFFER)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(io), requests);
    let mut connection = pin!(connection);
    let mut stopped = pin!(shutdown.cancelled());
    let mut is_stopping = false;
    let mut alarm = pin!(sleep_until(Instant::now() + patience.idle));
    poll_fn(|context| {
        if !is_stopping && stopped.as_mut().poll(context).is_ready() {
            is_stopping = true;
            connection.as_mut().graceful_shutdown();
        }
        // Whatever goes wrong with a connection is its peer's affair.
        if connection.as_mut().poll(context).is_ready()
            || slot.poll_over(context).is_ready()
            || progress.is_handling() && has_hung_up(&stream, context)
        {
            return Poll::Ready(());
        }
        let Some(deadline) = progress.deadline() else { return Poll::Pending };
        if alarm.deadline() != deadline {
            alarm.as_mut().reset(deadline);
        }
        ready!(alarm.as_mut().poll(context));
        if progress.has_begun_a_head() {
            let _at_best = stream.try_write(TIMEOUT);
        }
        Poll::Ready(())
    })
    .await;
}

/// Whether a peer that waits for us is gone, which nobody else looks at meanwhile.
fn has_hung_up(stream: &TcpStream, context: &mut Context<'_>) -> bool {
    let mut byte = [0];
    matches!(stream.poll_peek(context, &mut ReadBuf::new(&mut byte)), Poll::Ready(Ok(0) | Err(_)))
}
