use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::BoxError;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep};

use crate::http::BodyStalled;

/// Less than this in the time that is given is no progress.
const LEAST: usize = 4 * 1024;

/// A request's body, which has to get on while somebody waits for it.
pub(super) struct PatientBody {
    body: Incoming,
    patience: Duration,
    /// How long there may be less than `LEAST`, since the first time that we had to wait.
    window: Option<Pin<Box<Sleep>>>,
    received: usize,
}

impl PatientBody {
    pub fn new(body: Incoming, patience: Duration) -> Self {
        Self { body, patience, window: None, received: 0 }
    }
}

impl Body for PatientBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            if let Some(Ok(frame)) = &frame {
                self.received += frame.data_ref().map_or(0, Bytes::len);
            }
            return Poll::Ready(frame.map(|frame| Ok(frame?)));
        }
        let this = &mut *self;
        let window = this.window.get_or_insert_with(|| Box::pin(sleep(this.patience)));
        loop {
            ready!(window.as_mut().poll(context));
            if this.received < LEAST {
                return Poll::Ready(Some(Err(BodyStalled.into())));
            }
            this.received = 0;
            window.as_mut().reset(Instant::now() + this.patience);
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
