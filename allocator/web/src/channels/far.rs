//! The way to the allocator that has the browser's end.

use std::{io, time::Duration};

use axum::{
    body::Body,
    extract::Request,
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{
            AUTHORIZATION, CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
            SEC_WEBSOCKET_VERSION, UPGRADE,
        },
    },
    response::{IntoResponse, Response},
};
use hyper::{client::conn::http1, upgrade::OnUpgrade};
use hyper_util::rt::TokioIo;
use lablink_core::{Token, channels::Held};
use tokio::{
    io::copy_bidirectional_with_sizes,
    net::TcpStream,
    time::{error::Elapsed, timeout},
};

use crate::{connections::Slot, http::Problem, links, rendezvous::not_a_websocket};

/// How long the other allocator may take to agree.
const PATIENCE: Duration = Duration::from_secs(5);
/// A peer that acknowledges nothing for this long is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// What is copied at once, each way, in bytes.
const COPIED: usize = 16 * 1024;

/// What an agent's request says of its WebSocket.
pub(super) struct Handshake {
    key: HeaderValue,
    version: HeaderValue,
}

impl Handshake {
    pub fn read(headers: &HeaderMap) -> Result<Self, Problem> {
        let is_one = headers.get(UPGRADE).is_some_and(|it| it.as_bytes() == b"websocket");
        match (headers.get(SEC_WEBSOCKET_KEY), headers.get(SEC_WEBSOCKET_VERSION)) {
            (Some(key), Some(version)) if is_one => {
                Ok(Self { key: key.clone(), version: version.clone() })
            }
            _ => Err(not_a_websocket("send its headers")),
        }
    }
}

/// Why the other allocator could not be had.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("it can't be reached")]
    Unreachable(#[from] io::Error),
    #[error("it broke off")]
    BrokenOff(#[from] hyper::Error),
    #[error("it did not answer in time")]
    TooSlow(#[from] Elapsed),
    #[error("it answered {0}")]
    Refused(StatusCode),
    #[error("the request could not be made")]
    Damaged(#[from] axum::http::Error),
}

/// Agrees with the agent as the other allocator does, and copies bytes between both.
pub(super) async fn hand_over(
    held: &Held,
    id: &Token,
    handshake: &Handshake,
    request: &mut Request,
) -> Result<Response, Problem> {
    let answer = match timeout(PATIENCE, reach(held, id, handshake)).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(trouble)) => Err(trouble),
        Err(elapsed) => Err(elapsed.into()),
    };
    let mut answer = answer.map_err(|trouble| {
        let error: &dyn std::error::Error = &trouble;
        tracing::warn!(error, holder = held.holder, "a channel could not be handed over");
        let message = "The allocator that waits for this channel can't be reached from here.";
        Problem::try_again("holder_unreachable", message, 1)
    })?;
    let accept = answer.headers().get(SEC_WEBSOCKET_ACCEPT).cloned();
    let slot = request.extensions().get::<Slot>().cloned();
    let (near, far) = (hyper::upgrade::on(request), hyper::upgrade::on(&mut answer));
    tokio::spawn(async move {
        let _slot = slot;
        copy(near, far).await;
    });
    let headers = [
        (CONNECTION, HeaderValue::from_static("upgrade")),
        (UPGRADE, HeaderValue::from_static("websocket")),
        (SEC_WEBSOCKET_ACCEPT, accept.unwrap_or_else(|| HeaderValue::from_static(""))),
    ];
    Ok((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
}

/// Opens the channel where it is held.
async fn reach(
    Held { holder, secret }: &Held,
    id: &Token,
    handshake: &Handshake,
) -> Result<Response<hyper::body::Incoming>, Trouble> {
    let stream = TcpStream::connect(holder).await?;
    stream.set_nodelay(true)?;
    socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(SILENCE))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection.with_upgrades());
    let request = Request::get(links::held_channel(id))
        .header(HOST, holder.as_str())
        .header(AUTHORIZATION, format!("Bearer {}", secret.reveal()))
        .header(CONNECTION, "upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_KEY, &handshake.key)
        .header(SEC_WEBSOCKET_VERSION, &handshake.version)
        .body(Body::empty())?;
    let answer = sender.send_request(request).await?;
    match answer.status() {
        StatusCode::SWITCHING_PROTOCOLS => Ok(answer),
        other => Err(Trouble::Refused(other)),
    }
}

/// Until either end closes or is gone, which the ends say themselves.
async fn copy(near: OnUpgrade, far: OnUpgrade) {
    let Ok((near, far)) = futures_util::future::try_join(near, far).await else { return };
    let (mut near, mut far) = (TokioIo::new(near), TokioIo::new(far));
    let _broken_off = copy_bidirectional_with_sizes(&mut near, &mut far, COPIED, COPIED).await;
}
