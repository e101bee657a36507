use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
};

use axum::{Router, response::Response};
use bytes::Bytes;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{
    connection::Connection,
    later::Rest,
    progress::Handling,
    service::{Parked, Parking, Requests},
    stream::WatchedStream,
};

/// The most of a head that is read, and of a body or an answer that is kept, in bytes. The router
/// refuses heads that are half as large, in words.
const BUFFER: usize = 32 * 1024;
const MOST_HEADERS: usize = 200;

/// The answer to a peer that began a head and did not finish it.
const TIMEOUT: &[u8] =
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Carries one connection to its end.
pub(super) async fn drive(connection: Connection, router: Router, shutdown: CancellationToken) {
    let connection = Arc::new(connection);
    let mut again = None;
    // Boxed, so that nothing of it is left while the connection is parked.
    while let Some(Break { rest, handling, begin }) =
        Box::pin(converse(Arc::clone(&connection), router.clone(), &shutdown, again)).await
    {
        let Some(answer) = wait(&connection, rest).await else { return };
        drop(handling);
        again = Some((answer, begin));
    }
}

/// A request whose answer takes its time.
struct Break {
    rest: Rest,
    handling: Handling,
    /// A head to be answered with it, and what came after.
    begin: Bytes,
}

/// The answer, unless the peer hangs up before. What the request held is held until then, and its
/// peer owes us nothing.
async fn wait(connection: &Connection, mut rest: Rest) -> Option<Response> {
    poll_fn(|context| match rest.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending if connection.has_hung_up(context) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// Answers requests until the connection's end, or until one has to wait.
async fn converse(
    connection: Arc<Connection>,
    router: Router,
    shutdown: &CancellationToken,
    again: Option<(Response, Bytes)>,
) -> Option<Break> {
    let parking = Arc::new(Parking::default());
    let begin = again.map_or_else(Bytes::new, |(answer, begin)| {
        parking.put(Parked::Answered(answer));
        begin
    });
    let io = WatchedStream {
        begin,
        stream: Arc::clone(&connection.stream),
        progress: Arc::clone(&connection.progress),
    };
    let requests =
        Requests { router, connection: Arc::clone(&connection), parking: Arc::clone(&parking) };
    let mut http = http1::Builder::new()
        .keep_alive(!connection.slot.is_turned_away())
        // Otherwise hyper would keep a second buffer to notice a peer that hangs up.
        .half_close(true)
        .header_read_timeout(None)
        .max_buf_size(BUFFER)
        .max_headers(MOST_HEADERS)
        .serve_connection(TokioIo::new(io), requests)
        .with_upgrades();
    let progress = &connection.progress;
    let mut stopped = pin!(shutdown.cancelled());
    let mut is_stopping = false;
    let mut alarm = pin!(sleep_until(Instant::now() + connection.patience.idle));
    let end = poll_fn(|context| {
        // Whatever goes wrong with a connection is its peer's affair.
        if let Poll::Ready(ended) = Pin::new(&mut http).poll(context) {
            return Poll::Ready(if ended.is_ok() { End::InOrder } else { End::BrokenOff });
        }
        if let Some(parked) = parking.take() {
            return Poll::Ready(End::Parked(parked));
        }
        if !is_stopping && stopped.as_mut().poll(context).is_ready() {
            is_stopping = true;
            Pin::new(&mut http).graceful_shutdown();
            context.waker().wake_by_ref();
        }
        if connection.slot.poll_over(context).is_ready()
            || progress.is_handling() && connection.has_hung_up(context)
        {
            return Poll::Ready(End::BrokenOff);
        }
        let Some(deadline) = progress.deadline() else { return Poll::Pending };
        if alarm.deadline() != deadline {
            alarm.as_mut().reset(deadline);
        }
        if alarm.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        if progress.has_begun_a_head() {
            let _at_best = connection.stream.try_write(TIMEOUT);
        }
        Poll::Ready(End::BrokenOff)
    })
    .await;
    match end {
        End::Parked(Parked::Waiting { rest, handling, head }) => {
            let unread = http.into_parts()?.read_buf;
            Some(Break { rest, handling, begin: [head, unread].concat().into() })
        }
        End::InOrder => {
            connection.delivery.settle(&connection.stream).await;
            None
        }
        End::Parked(Parked::Answered(_)) | End::BrokenOff => None,
    }
}

/// How far it went.
enum End {
    Parked(Parked),
    /// All was written, and our side closed.
    InOrder,
    BrokenOff,
}
