use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body as AxumBody, Bytes},
    http::{
        HeaderValue, Response,
        header::{CONNECTION, CONTENT_LENGTH},
    },
};
use http_body::{Body, Frame, SizeHint};
use tokio::{
    net::TcpStream,
    runtime::Handle,
    sync::{OwnedSemaphorePermit, oneshot},
    time::{Instant, sleep},
};

/// Tells whether a connection's last answer was taken.
#[derive(Clone, Default)]
pub(crate) struct Delivery(Arc<Mutex<Option<oneshot::Sender<()>>>>);

/// What a client has got of an answer's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Handed to the connection. If the answer was broken off, some may not have arrived.
    pub bytes: u64,
    /// Whether that was all of it, and it did arrive.
    pub whole: bool,
}

/// A peer that takes its time over what the system still holds for it. One that acknowledges
/// nothing is given up before, by the connection's own limit.
const LONGEST: Duration = Duration::from_mins(10);
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

impl Delivery {
    fn hear(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// Reports the end once our side of the connection is closed: a peer that has taken everything
    /// closes its own side, and one that has not breaks it off.
    pub(super) async fn settle(&self, stream: &TcpStream) {
        let waits = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(waits) = waits else { return };
        let (began, mut pause) = (Instant::now(), FIRST_LOOK);
        // Neither side of an orderly end is closed before the other has acknowledged all.
        while !is_closed(stream.peer_addr()) {
            if began.elapsed() > LONGEST {
                return;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        if matches!(stream.take_error(), Ok(None)) {
            let _nobody = waits.send(());
        }
    }
}

/// A socket that is closed on both sides has no peer any more.
fn is_closed(peer: io::Result<SocketAddr>) -> bool {
    peer.is_err_and(|error| error.kind() == io::ErrorKind::NotConnected)
}

/// The same answer, as the last of its connection; `then` hears what the client has got of it.
/// Its `place` among those under way is free again with its last byte. Without a `delivery` there is
/// no connection to ask, and what was read has arrived.
pub(crate) fn told<T: Future<Output = ()> + Send>(
    answer: Response<AxumBody>,
    place: OwnedSemaphorePermit,
    delivery: Option<Delivery>,
    then: impl FnOnce(Taken) -> T + Send + 'static,
) -> Response<AxumBody> {
    let length = answer.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
    let mut answer = answer.map(|body| {
        let then: Then = Box::new(|taken| Box::pin(async move { then(taken).await }));
        let then = Some(then);
        AxumBody::new(ToldBody {
            body,
            bytes: 0,
            length,
            ended: false,
            _place: place,
            delivery,
            then,
        })
    });
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

type Then = Box<dyn FnOnce(Taken) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

struct ToldBody {
    body: AxumBody,
    bytes: u64,
    /// Known beforehand: hyper does not ask for the end then.
    length: Option<u64>,
    ended: bool,
    _place: OwnedSemaphorePermit,
    delivery: Option<Delivery>,
    then: Option<Then>,
}

impl Body for ToldBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                self.bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
            Poll::Ready(None) => self.ended = true,
            Poll::Ready(Some(Err(_))) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for ToldBody {
    fn drop(&mut self) {
        let (Some(then), Ok(runtime)) = (self.then.take(), Handle::try_current()) else { return };
        let bytes = self.bytes;
        let all = self.length.map_or(self.ended, |length| length == bytes);
        let hears = self.delivery.take().filter(|_| all).map(|delivery| delivery.hear());
        runtime.spawn(async move {
            let whole = match hears {
                None => all,
                Some(arrived) => arrived.await.is_ok(),
            };
            then(Taken { bytes, whole }).await;
        });
    }
}
