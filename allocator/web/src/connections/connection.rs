use std::{
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::{io::ReadBuf, net::TcpStream};

use super::{Delivery, Patience, Slot, progress::Progress};

/// What is known of one connection.
pub(super) struct Connection {
    pub peer: SocketAddr,
    pub slot: Slot,
    pub patience: Patience,
    pub progress: Arc<Progress>,
    pub delivery: Delivery,
    pub stream: Arc<TcpStream>,
}

impl Connection {
    pub fn new(stream: TcpStream, peer: SocketAddr, slot: Slot, patience: Patience) -> Self {
        let head = if slot.is_turned_away() { patience.turned_away } else { patience.head };
        let progress = Arc::new(Progress::new(Patience { head, ..patience }));
        let (delivery, stream) = (Delivery::default(), Arc::new(stream));
        Self { peer, slot, patience, progress, delivery, stream }
    }

    /// Whether a peer that waits for us is gone, which nobody else looks at meanwhile.
    pub fn has_hung_up(&self, context: &mut Context<'_>) -> bool {
        let mut byte = [0];
        let seen = self.stream.poll_peek(context, &mut ReadBuf::new(&mut byte));
        matches!(seen, Poll::Ready(Ok(0) | Err(_)))
    }
}
