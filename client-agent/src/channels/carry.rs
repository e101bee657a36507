use std::time::Duration;

use futures_util::{
    SinkExt as _, StreamExt as _,
    stream::{SplitSink, SplitStream},
};
use lablink_protocol::Closing;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split},
    time::timeout,
};
use tokio_tungstenite::tungstenite::{
    Bytes, Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use super::dial::Socket;

/// The allocator gives a sign of life every 20 s: without one it is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// How long the other side may take over one message.
const PATIENCE: Duration = Duration::from_secs(60);
const GOODBYE: Duration = Duration::from_secs(1);
/// The most that one message carries, in bytes.
const PIECE: usize = 32 * 1024;

/// Passes bytes both ways until one end closes or is gone.
pub async fn carry(socket: Socket, near: impl AsyncRead + AsyncWrite + Unpin) {
    let (mut sink, source) = socket.split();
    let (read, write) = split(near);
    tokio::select! {
        () = up(read, &mut sink) => {
            let last = sink.send(farewell(Closing::NotRunning));
            let _gone = timeout(GOODBYE, last).await;
        }
        () = down(source, write) => {}
    }
}

/// Says why there is nothing to carry.
pub async fn close(socket: &mut Socket, closing: Closing) {
    let _gone = timeout(GOODBYE, socket.send(farewell(closing))).await;
}

fn farewell(closing: Closing) -> Message {
    let code = CloseCode::from(Closing::CODE);
    Message::Close(Some(CloseFrame { code, reason: closing.as_str().into() }))
}

/// Until what the channel leads to has ended, or the other side takes nothing more.
async fn up(mut near: impl AsyncRead + Unpin, sink: &mut SplitSink<Socket, Message>) {
    let mut piece = vec![0; PIECE];
    while let Ok(length @ 1..) = near.read(&mut piece).await {
        let message = Message::Binary(Bytes::copy_from_slice(&piece[..length]));
        if !matches!(timeout(PATIENCE, sink.send(message)).await, Ok(Ok(()))) {
            return;
        }
    }
}

/// Until the other side closes or is gone.
async fn down(mut source: SplitStream<Socket>, mut near: impl AsyncWrite + Unpin) {
    while let Ok(Some(Ok(message))) = timeout(SILENCE, source.next()).await {
        let bytes = match message {
            Message::Binary(bytes) => bytes,
            Message::Text(text) => text.into(),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => continue,
            Message::Close(_) => return,
        };
        if near.write_all(&bytes).await.is_err() {
            return;
        }
    }
}
