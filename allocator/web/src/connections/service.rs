use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    Router,
    body::Body as AxumBody,
    extract::ConnectInfo,
    http::{Request, Response},
};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::{body::Incoming, service::Service};
use tower::ServiceExt;

use super::{
    Slot,
    body::PatientBody,
    progress::{Handling, Progress},
};

/// The router, for the requests of one connection.
pub(super) struct Requests {
    pub router: Router,
    pub peer: SocketAddr,
    pub slot: Slot,
    pub body_patience: Duration,
    pub progress: Arc<Progress>,
}

impl Service<Request<Incoming>> for Requests {
    type Response = Response<Answer>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Answer>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let handling = self.progress.begin();
        let patience = self.body_patience;
        let mut request = request.map(|body| AxumBody::new(PatientBody::new(body, patience)));
        request.extensions_mut().insert(ConnectInfo(self.peer));
        request.extensions_mut().insert(self.slot.clone());
        let answered = self.router.clone().oneshot(request);
        Box::pin(
            async move { Ok(answered.await?.map(|body| Answer { body, _handling: handling })) },
        )
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
