//! Channels over real connections: a browser's WebSocket, an agent's, and two allocators.

use std::{net::SocketAddr, time::Duration};

use axum::http::StatusCode;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest},
};

use crate::app::{self, App, With, get};

const LONG: Duration = Duration::from_secs(20);
const HOST: &str = "lablink-vm-test-1";

pub type Socket = WebSocketStream<TcpStream>;

/// VMs that can show a desktop.
pub async fn lab(count: u32) -> (App, SocketAddr) {
    let app = App::with_running(count).await;
    app.sql("update vm set offers_desktop = true").await;
    app.reachable()
}

/// The link of a new claim, and its VM.
pub async fn claim(app: &App, email: &str) -> (String, String) {
    let body = json!({ "email": email, "crd_command": format!("--code=4/{}", email.len()) });
    let answer = app.call(app::json("/api/request_vm", &body)).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let answer = answer.json();
    let url = answer["claim_url"].as_str().unwrap().to_owned();
    (url.rsplit('/').next().unwrap().to_owned(), answer["hostname"].as_str().unwrap().to_owned())
}

async fn open(
    at: SocketAddr,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<Socket, Error> {
    let mut request = format!("ws://{at}{path}").into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let stream = TcpStream::connect(at).await.unwrap();
    Ok(client_async(request, stream).await?.0)
}

fn desktop(link: &str) -> String {
    format!("/claims/{link}/channel/desktop")
}

async fn browse(at: SocketAddr, link: &str) -> Socket {
    open(at, &desktop(link), &[]).await.unwrap()
}

/// The status of what can't be opened.
async fn refused(opened: Result<Socket, Error>) -> StatusCode {
    match opened {
        Err(Error::Http(answer)) => answer.status(),
        other => panic!("{other:?}"),
    }
}

/// As by an agent that has handled all that there is.
async fn seen(app: &App, hostname: &str) -> Value {
    let sql =
        "select coalesce((select json_build_object('claim_id', claim.id, 'command_no', command_no)
               from claim join vm on vm.claim_id = claim.id where hostname = ";
    serde_json::from_str(&app.text(&format!("{sql}'{hostname}'), '{{}}')::text")).await).unwrap()
}

/// The next channel that the agent's wait tells of.
async fn told(app: &App, agent: &str, hostname: &str) -> Value {
    loop {
        let seen = seen(app, hostname).await;
        let body = json!({ "hostname": hostname, "seen": seen, "channels": true });
        let wait = app::json("/vm_startup", &body).with("authorization", agent);
        let answer = timeout(LONG, app.call(wait.with("prefer", "wait=10"))).await.unwrap();
        if answer.status == StatusCode::OK && answer.json()["status"] == "channel" {
            return answer.json();
        }
    }
}

async fn dial(at: SocketAddr, agent: &str, told: &Value) -> Result<Socket, Error> {
    open(at, told["url"].as_str().unwrap(), &[("authorization", agent)]).await
}

async fn send(socket: &mut Socket, text: &str) {
    socket.send(Message::binary(text.as_bytes().to_vec())).await.unwrap();
}

async fn hears(socket: &mut Socket, text: &str) {
    loop {
        match timeout(LONG, socket.next()).await.expect("nothing comes") {
            Some(Ok(Message::Binary(bytes))) => return assert_eq!(&bytes[..], text.as_bytes()),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The reason of its end.
async fn end(socket: &mut Socket) -> String {
    loop {
        match timeout(LONG, socket.next()).await.expect("stays open") {
            Some(Ok(Message::Close(Some(frame)))) => return frame.reason.to_string(),
            Some(Ok(Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => {}
            other => return format!("broken off: {other:?}"),
        }
    }
}

/// An open channel: the browser's end and the agent's.
pub async fn channel(
    app: &App,
    at: SocketAddr,
    agent: &str,
    (link, vm): (&str, &str),
) -> (Socket, Socket) {
    let (mut browser, told) = tokio::join!(browse(at, link), told(app, agent, vm));
    let mut agent = dial(at, agent, &told).await.unwrap();
    send(&mut agent, "RFB").await;
    hears(&mut browser, "RFB").await;
    send(&mut browser, "hello").await;
    hears(&mut agent, "hello").await;
    (browser, agent)
}

#[tokio::test]
async fn bytes_go_both_ways_and_the_row_is_gone_once_it_is_dialled() {
    let (app, at) = lab(1).await;
    let agent = app.agent(HOST).await;
    let (link, vm) = claim(&app, "ada@example.org").await;
    let (mut browser, mut agents) = channel(&app, at, &agent, (&link, &vm)).await;
    let large = "x".repeat(60_000);
    send(&mut agents, &large).await;
    hears(&mut browser, &large).await;
    assert_eq!(app.text("select count(*)::text from channel").await, "0");
    drop(agents);
    assert_eq!(end(&mut browser).await, "far_end_gone");
}

#[tokio::test]
async fn an_agent_that_reaches_another_allocator_is_brought_to_the_one_with_the_browser() {
    let (app, at) = lab(1).await;
    let (other, elsewhere) = app.beside().await.reachable();
    let agent = app.agent(HOST).await;
    let (link, vm) = claim(&app, "ada@example.org").await;
    let (mut browser, told) = tokio::join!(browse(at, &link), told(&other, &agent, &vm));
    let mut agents = dial(elsewhere, &agent, &told).await.unwrap();
    for size in [1, 60_000, 3] {
        let text = "y".repeat(size);
        send(&mut agents, &text).await;
        hears(&mut browser, &text).await;
        send(&mut browser, &text).await;
        hears(&mut agents, &text).await;
    }
    let back = other.call(app::form(&format!("/claims/{link}/return"), "")).await;
    assert_eq!(back.status, StatusCode::SEE_OTHER, "{}", back.body);
    assert_eq!(end(&mut browser).await, "claim_over");
    assert_eq!(end(&mut agents).await, "claim_over");
}

#[tokio::test]
async fn a_channel_is_dialled_once_by_its_own_vm_and_met_with_its_secret_alone() {
    let (app, at) = lab(2).await;
    let (agent, stranger) = (app.agent(HOST).await, app.agent("lablink-vm-test-2").await);
    let (link, vm) = claim(&app, "ada@example.org").await;
    let (_browser, told) = tokio::join!(browse(at, &link), told(&app, &agent, &vm));
    assert_eq!(refused(dial(at, &stranger, &told).await).await, StatusCode::NOT_FOUND);
    let unproven = open(at, told["url"].as_str().unwrap(), &[]).await;
    assert_eq!(refused(unproven).await, StatusCode::UNAUTHORIZED);
    let held = told["url"].as_str().unwrap().replace("/api/agent/", "/api/");
    let guess = format!("Bearer {}", told["channel_id"].as_str().unwrap());
    for secret in [guess.as_str(), "Bearer ", agent.as_str()] {
        let met = open(at, &held, &[("authorization", secret)]).await;
        assert_eq!(refused(met).await, StatusCode::NOT_FOUND);
    }
    assert!(dial(at, &agent, &told).await.is_ok());
    assert_eq!(refused(dial(at, &agent, &told).await).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_new_link_ends_the_channels_of_the_old_one_and_other_changes_end_none() {
    let (app, at) = lab(1).await;
    let agent = app.agent(HOST).await;
    let (link, vm) = claim(&app, "ada@example.org").await;
    let (mut browser, mut agents) = channel(&app, at, &agent, (&link, &vm)).await;
    app.sql("notify vm_changed, 'lablink-vm-test-1'").await;
    send(&mut browser, "still").await;
    hears(&mut agents, "still").await;
    let id = app.text("select id::text from claim").await;
    let new = app.call(app::form(&format!("/admin/claims/{id}/link"), "").by_admin()).await;
    assert_eq!(new.status, StatusCode::OK, "{}", new.body);
    assert_eq!(end(&mut browser).await, "claim_over");
    assert_eq!(end(&mut agents).await, "claim_over");
    assert_eq!(refused(open(at, &desktop(&link), &[]).await).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_claim_that_is_given_back_ends_channels_that_are_open_and_those_that_wait() {
    let (app, at) = lab(1).await;
    let agent = app.agent(HOST).await;
    let (link, vm) = claim(&app, "ada@example.org").await;
    let (mut browser, mut agents) = channel(&app, at, &agent, (&link, &vm)).await;
    let mut waits = browse(at, &link).await;
    let back = app.call(app::form(&format!("/claims/{link}/return"), "")).await;
    assert_eq!(back.status, StatusCode::SEE_OTHER, "{}", back.body);
    for socket in [&mut browser, &mut agents, &mut waits] {
        assert_eq!(end(socket).await, "claim_over");
    }
    assert_eq!(refused(open(at, &desktop(&link), &[]).await).await, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_slow_browser_holds_up_its_machine_and_loses_nothing() {
    let (app, at) = lab(1).await;
    let agent = app.agent(HOST).await;
    let (link, vm) = claim(&app, "ada@example.org").await;
    let (mut browser, mut agents) = channel(&app, at, &agent, (&link, &vm)).await;
    let piece = |number: u32| Message::binary(vec![number.to_le_bytes()[0]; 60_000]);
    let mut sent: u32 = 0;
    // One that is held up has been begun, and is sent to its end later.
    while timeout(Duration::from_secs(1), agents.send(piece(sent))).await.is_ok() {
        sent += 1;
        assert!(sent < 1_000, "60 MB wait somewhere");
    }
    let reads = async {
        for number in 0..=sent {
            loop {
                match timeout(LONG, browser.next()).await.expect("stopped").unwrap().unwrap() {
                    Message::Binary(bytes) => {
                        assert!(bytes.len() == 60_000 && bytes[0] == number.to_le_bytes()[0]);
                        break;
                    }
                    _sign_of_life => {}
                }
            }
        }
    };
    let ((), flushed) = tokio::join!(reads, agents.flush());
    flushed.unwrap();
}

#[tokio::test]
async fn only_our_own_pages_and_programs_open_channels_and_only_as_websockets() {
    let (app, at) = lab(1).await;
    let (link, _) = claim(&app, "ada@example.org").await;
    for headers in [
        vec![("origin", "https://evil.example")],
        vec![("origin", "null")],
        vec![("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "websocket")],
        vec![("sec-fetch-site", "same-site"), ("sec-fetch-mode", "websocket")],
        vec![("accept-language", "en")],
    ] {
        let status = refused(open(at, &desktop(&link), &headers).await).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    let ours = format!("http://{at}");
    assert!(open(at, &desktop(&link), &[("origin", &ours)]).await.is_ok());
    let plain = app.call(get(&desktop(&link))).await;
    assert_eq!(plain.status, StatusCode::UPGRADE_REQUIRED, "{}", plain.body);
    app.sql("update vm set offers_desktop = false").await;
    let none = refused(open(at, &desktop(&link), &[]).await).await;
    assert_eq!(none, StatusCode::CONFLICT, "its agent shows none");
}

/// Everybody tries everything: a link leads to its own VM and to no other.
#[tokio::test]
async fn a_link_opens_its_own_machine_alone() {
    const VMS: usize = 3;
    let (app, at) = lab(3).await;
    let (mut links, mut agents) = (Vec::new(), Vec::new());
    for n in 1..=VMS {
        let (link, vm) = claim(&app, &format!("{}@example.org", "a".repeat(n))).await;
        agents.push((app.agent(&vm).await, vm));
        links.push(link);
    }
    for round in 0..12 {
        let own = rand::random_range(0..VMS);
        let other = (own + rand::random_range(1..VMS)) % VMS;
        let ((agent, vm), (stranger, others)) = (&agents[own], &agents[other]);
        let (mut browser, told) = tokio::join!(browse(at, &links[own]), told(&app, agent, vm));
        let seen = seen(&app, others).await;
        let wait = json!({ "hostname": others, "channels": true, "seen": seen });
        let wait = app::json("/vm_startup", &wait).with("authorization", stranger);
        let answer = app.call(wait.with("prefer", "wait=0")).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT, "round {round}: {}", answer.body);
        assert_eq!(refused(dial(at, stranger, &told).await).await, StatusCode::NOT_FOUND);
        let mut dialled = dial(at, agent, &told).await.unwrap();
        send(&mut dialled, vm).await;
        hears(&mut browser, vm).await;
        let mutated = mutated(&links[own]);
        let opened = open(at, &format!("/claims/{mutated}/channel/desktop"), &[]).await;
        let status = refused(opened).await;
        assert!(status.is_client_error(), "round {round}: {mutated}: {status}");
    }
}

/// A link with something changed.
fn mutated(link: &str) -> String {
    let at = rand::random_range(0..link.len());
    match rand::random_range(0..5) {
        0 => link[..at].to_owned(),
        1 => format!("{link}{}", &link[at..=at]),
        2 => format!("{}%00{}", &link[..at], &link[at..]),
        3 => format!("{}.{}", &link[..at], &link[at + 1..]),
        _ => format!("{}/../{}", &link[..at], &link[at..]),
    }
}
