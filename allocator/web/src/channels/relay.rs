use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use bytes::Bytes;
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use lablink_protocol::Closing;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::rendezvous::{End, farewell};

/// Proxies cut connections on which nothing moves for a minute.
const SIGN_OF_LIFE: Duration = Duration::from_secs(20);
/// An end that has answered nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// How long an end may take over one message.
const PATIENCE: Duration = Duration::from_secs(60);
const GOODBYE: Duration = Duration::from_millis(500);

type Sink = SplitSink<WebSocket, Message>;
type Source = SplitStream<WebSocket>;

/// Passes messages both ways until one end closes or is gone, or until it is `over`.
pub(super) async fn relay(browser: End, agent: End, over: impl Future<Output = Closing>) {
    let _slots = (browser.slot, agent.slot);
    let (mut to_browser, mut from_browser) = browser.socket.split();
    let (mut to_agent, mut from_agent) = agent.socket.split();
    let last = tokio::select! {
        closing = over => farewell(closing),
        last = pass(&mut from_browser, &mut to_agent) => last,
        last = pass(&mut from_agent, &mut to_browser) => last,
    };
    let farewells = async {
        let _gone = tokio::join!(to_browser.send(last.clone()), to_agent.send(last.clone()));
    };
    let _slow = timeout(GOODBYE, farewells).await;
}

/// Passes one way, a message at a time, and returns what to say at the end. Looks after `to`'s
/// life; its answers come by the other way.
async fn pass(from: &mut Source, to: &mut Sink) -> Message {
    let mut heard = Instant::now();
    let mut signs = interval(SIGN_OF_LIFE);
    signs.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let sent = tokio::select! {
            message = from.next() => match message {
                Some(Ok(message @ (Message::Binary(_) | Message::Text(_)))) => {
                    timeout(PATIENCE, to.send(message)).await
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(Ok(())),
                Some(Ok(Message::Close(Some(frame)))) if is_ours(&frame) => {
                    return Message::Close(Some(frame));
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return gone(),
            },
            _ = signs.tick() => {
                if heard.elapsed() > SILENCE {
                    return gone();
                }
                let alive = timeout(PATIENCE, to.send(Message::Ping(Bytes::new()))).await;
                if !matches!(alive, Ok(Ok(()))) {
                    return gone();
                }
                continue;
            }
        };
        if !matches!(sent, Ok(Ok(()))) {
            return gone();
        }
        // Nobody was listened to while the other side took its time.
        heard = Instant::now();
    }
}

fn is_ours(frame: &CloseFrame) -> bool {
    frame.code == Closing::CODE
}

fn gone() -> Message {
    farewell(Closing::FarEndGone)
}
