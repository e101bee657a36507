use std::{
    convert::Infallible,
    future::pending,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use axum::{
    Router,
    body::Body as AxumBody,
    extract::ConnectInfo,
    http::{HeaderValue, Request, Response, Version, header::CONNECTION},
};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::{body::Incoming, service::Service};
use tower::ServiceExt;

use super::{
    body::PatientBody,
    connection::Connection,
    later::{Later, Rest},
    progress::Handling,
};

/// The router, for the requests of one connection.
pub(super) struct Requests {
    pub router: Router,
    pub connection: Arc<Connection>,
    pub parking: Arc<Parking>,
}

/// Where a request's answer is left until it is there, and then taken up again.
#[derive(Default)]
pub(super) struct Parking(Mutex<Option<Parked>>);

pub(super) enum Parked {
    Waiting { rest: Rest, handling: Handling, head: Bytes },
    Answered(Response<AxumBody>),
}

impl Parking {
    pub fn put(&self, parked: Parked) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(parked);
    }

    pub fn take(&self) -> Option<Parked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Service<Request<Incoming>> for Requests {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Answer>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let handling = self.connection.progress.begin();
        if let Some(Parked::Answered(answer)) = self.parking.take() {
            let answer = answer.map(|body| Answer { body, _handling: handling });
            return Box::pin(async move { Ok(answer) });
        }
        let how = Manner::of(&request);
        let patience = self.connection.patience.body;
        let mut request = request.map(|body| AxumBody::new(PatientBody::new(body, patience)));
        request.extensions_mut().insert(ConnectInfo(self.connection.peer));
        request.extensions_mut().insert(self.connection.slot.clone());
        request.extensions_mut().insert(self.connection.delivery.clone());
        let answered = self.router.clone().oneshot(request);
        let parking = Arc::clone(&self.parking);
        Box::pin(async move {
            let mut answer = answered.await?;
            if let Some(rest) = Later::take(&mut answer) {
                parking.put(Parked::Waiting { rest, handling, head: how.to_head() });
                // The task that polls this takes everything apart.
                return pending().await;
            }
            Ok(answer.map(|body| Answer { body, _handling: handling }))
        })
    }
}

/// How a request wants to be answered, of all that its head said.
struct Manner {
    version: Version,
    connection: Option<HeaderValue>,
}

impl Manner {
    fn of<B>(request: &Request<B>) -> Self {
        let connection = request.headers().get(CONNECTION).cloned();
        Self { version: request.version(), connection }
    }

    /// A head that wants the same.
    fn to_head(&self) -> Bytes {
        let (version, usual): (&[u8], &[u8]) = match self.version {
            Version::HTTP_10 => (b"1.0", b"close"),
            _ => (b"1.1", b"keep-alive"),
        };
        let connection = self.connection.as_ref().map_or(usual, HeaderValue::as_bytes);
        [b"POST / HTTP/", version, b"\r\nConnection: ", connection, b"\r\n\r\n"].concat().into()
    }
}

/// An answer's body; when hyper is done with it, it is the peer's turn again.
pub(super) struct Answer {
    body: AxumBody,
    _handling: Handling,
}

impl Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
