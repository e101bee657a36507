//! Real connections with low limits: what they may cost, and who gets in nevertheless.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use futures_util::future::select_all;
use lablink_web::{AgentAuth, Bounds, ConnectionLimits, Patience};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::app::{App, admin, form};

const SHORT: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_secs(20);

fn limits(all: usize, per_address: usize) -> ConnectionLimits {
    ConnectionLimits {
        bounds: Bounds { all, strangers_per_address: Some(per_address), turned_away: 8 },
        patience: Patience { head: LONG, turned_away: LONG, body: LONG, writing: LONG, idle: LONG },
    }
}

/// With one time limit that a test can wait for.
fn impatient(change: impl FnOnce(&mut Patience)) -> ConnectionLimits {
    let mut limits = limits(100, 100);
    change(&mut limits.patience);
    limits
}

/// From one address of this machine to the app.
async fn connect(from: u8, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, from], 0))).unwrap();
    socket.connect(to).await.unwrap()
}

async fn sent(from: u8, to: SocketAddr, bytes: &str) -> TcpStream {
    let mut stream = connect(from, to).await;
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream
}

/// All that comes until the other side closes, which it has to do.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = timeout(LONG / 2, stream.read_to_end(&mut bytes)).await.expect("stays open");
    let _reset = read;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The first bytes that come.
async fn some(stream: &mut TcpStream) -> String {
    let mut bytes = vec![0; 4096];
    let length = timeout(LONG, stream.read(&mut bytes)).await.expect("nothing comes").unwrap_or(0);
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: lab\r\n{headers}\r\n")
}

fn post(path: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nHost: lab\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n{headers}\r\n{body}"
    )
}

fn wait(vm: u32, headers: &str) -> String {
    post("/vm_startup", headers, &format!(r#"{{"hostname":"lablink-vm-test-{vm}"}}"#))
}

#[tokio::test]
async fn one_address_can_not_take_the_place_of_others() {
    let app = App::with_running(1).await;
    let at = app.listen(limits(150, 100));
    let mut slow = Vec::new();
    for n in 0..400 {
        slow.push(sent(2, at, if n % 2 == 0 { "" } else { "GET / HTTP/1.1\r\nHost: l" }).await);
    }
    let started = Instant::now();
    let mut honest = sent(3, at, &get("/", "Connection: close\r\n")).await;
    assert!(rest(&mut honest).await.starts_with("HTTP/1.1 200"));
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());

    let told = rest(&mut sent(2, at, &get("/", "Accept: text/html\r\n")).await).await;
    assert!(told.starts_with("HTTP/1.1 503"), "{told}");
    let head = told.to_ascii_lowercase();
    assert!(head.contains("retry-after: 5") && head.contains("connection: close"), "{told}");
    assert!(head.contains("x-request-id: ") && told.contains("as many open connections"));
    drop(slow);
    let again = loop {
        let answer = rest(&mut sent(2, at, &get("/", "Connection: close\r\n")).await).await;
        if !answer.starts_with("HTTP/1.1 503") {
            break answer;
        }
    };
    assert!(again.starts_with("HTTP/1.1 200"), "their room is free again");
}

#[tokio::test]
async fn the_process_is_seen_to_live_when_it_is_full() {
    let app = App::with_running(0).await;
    let at = app.listen(limits(20, 100));
    let mut full = Vec::new();
    for n in 0..60 {
        full.push(connect(10 + n, at).await);
    }
    for path in ["/healthz", "/health", "/api/health"] {
        let alive = rest(&mut sent(3, at, &get(path, "")).await).await;
        assert!(alive.starts_with("HTTP/1.1 200") && alive.ends_with(r#"{"status":"ok"}"#));
    }
    let page = rest(&mut sent(3, at, &get("/", "")).await).await;
    assert!(page.starts_with("HTTP/1.1 503"), "{page}");
}

#[tokio::test]
async fn who_shows_who_they_are_is_no_stranger() {
    let app = App::with_running(2).await;
    let at = app.listen(limits(1_000, 5));
    let claimed = app.call(form("/api/request_vm", "email=a%40b.org&crd_command=--code%3D4%2Fx"));
    let link = claimed.await.json()["claim_url"].as_str().unwrap().to_owned();
    let link = &link[link.find("/claims/").unwrap()..];
    let agent = app.agent("lablink-vm-test-2").await;
    let known = [
        get("/admin", &format!("Authorization: {}\r\n", admin())),
        get(link, ""),
        get("/api/vm-status/lablink-vm-test-2", &format!("Authorization: {agent}\r\n")),
    ];
    let mut held = Vec::new();
    for request in known.iter().cycle().take(30) {
        let mut stream = sent(2, at, request).await;
        assert!(some(&mut stream).await.starts_with("HTTP/1.1 200"));
        held.push(stream);
    }
    let unknown = [
        get("/", ""),
        get("/admin", "Authorization: Basic eDp5\r\n"),
        get("/claims/guess", ""),
        post("/claims/guess/command", "", r#"{"crd_command":"nothing"}"#),
        get("/api/vm-status/lablink-vm-test-2", "Authorization: Bearer x\r\n"),
    ];
    for request in unknown {
        let mut stream = sent(2, at, &request).await;
        assert!(!some(&mut stream).await.starts_with("HTTP/1.1 503"));
        held.push(stream);
    }
    assert!(some(&mut sent(2, at, &get("/", "")).await).await.starts_with("HTTP/1.1 503"));
}

#[tokio::test]
async fn waits_of_known_vms_are_no_strangers_and_bounded_for_each() {
    let app = App::new(AgentAuth::Open).await;
    app.launch(3).await;
    let at = app.listen(limits(1_000, 6));
    let mut waits = Vec::new();
    for vm in [1, 2, 3].repeat(4) {
        let mut stream = sent(2, at, &wait(vm, "")).await;
        assert!(some(&mut stream).await.starts_with("HTTP/1.1 200"));
        waits.push(stream);
    }
    let more = [sent(2, at, &wait(1, "")).await, sent(2, at, &wait(1, "")).await];
    for oldest in [0, 3] {
        let end = some(&mut waits[oldest]).await;
        assert!(
            !end.contains('{') && end.contains("0\r\n\r\n"),
            "white space, and come again: {end:?}"
        );
    }
    let bounded = sent(2, at, &wait(1, "Prefer: wait=50\r\n")).await;
    let mut bounded = vec![bounded];
    for _ in 0..4 {
        bounded.push(sent(2, at, &wait(1, "Prefer: wait=50\r\n")).await);
    }
    // Which of them came first is the server's to say.
    let ends = bounded.iter_mut().map(|stream| Box::pin(some(stream)));
    let (end, ..) = select_all(ends).await;
    assert!(end.starts_with("HTTP/1.1 204"), "{end}");
    for vm in [8, 9] {
        let unknown = some(&mut sent(2, at, &wait(vm, "")).await).await;
        assert!(unknown.starts_with("HTTP/1.1 404"), "{unknown}");
    }
    drop((waits, more));
    while app.hub.waiters() > bounded.len() {
        tokio::time::sleep(Duration::from_millis(5)).await; // Who hangs up is forgotten.
    }
}

#[tokio::test]
async fn a_connection_goes_on_after_a_wait_as_its_head_wanted() {
    let app = App::with_running(1).await;
    let at = app.listen(limits(100, 100));
    let agent =
        format!("Authorization: {}\r\nPrefer: wait=0\r\n", app.agent("lablink-vm-test-1").await);
    let close = format!("{agent}Connection: close\r\n");
    let three = [wait(1, &agent), get("/healthz", ""), wait(1, &close)].concat();
    let told = rest(&mut sent(2, at, &three).await).await;
    let statuses: Vec<&str> = told.split("HTTP/1.1 ").skip(1).map(|answer| &answer[..3]).collect();
    assert_eq!(statuses, ["204", "200", "204"], "{told}");
    assert_eq!(told.to_ascii_lowercase().matches("x-request-id: ").count(), 3, "{told}");
    let old = wait(1, &agent).replace("HTTP/1.1", "HTTP/1.0");
    let told = rest(&mut sent(2, at, &old).await).await;
    assert!(told.starts_with("HTTP/1.0 204"), "{told}");
}

#[tokio::test]
async fn a_head_has_to_come_and_a_kept_connection_is_not_kept_for_ever() {
    let app = App::with_running(0).await;
    let at = app.listen(impatient(|patience| patience.head = SHORT));
    let mut silent = connect(2, at).await;
    let mut begun = sent(2, at, "GET / HTTP/1.1\r\nHost: l").await;
    let drips = tokio::spawn(async move {
        let mut dripping = connect(2, at).await;
        while dripping.write_all(b"x").await.is_ok() {
            tokio::time::sleep(SHORT / 8).await;
        }
    });
    assert_eq!(rest(&mut silent).await, "");
    assert!(rest(&mut begun).await.starts_with("HTTP/1.1 408"));
    timeout(LONG / 2, drips).await.expect("drips for ever").unwrap();
    let mut slow = sent(2, at, "GET /healthz HTTP/1.1\r\nHost: l").await;
    tokio::time::sleep(SHORT / 4).await;
    slow.write_all(b"ab\r\n\r\n").await.unwrap();
    assert!(some(&mut slow).await.starts_with("HTTP/1.1 200"), "slow is not stalled");

    let at = app.listen(impatient(|patience| patience.idle = SHORT));
    let mut kept = sent(2, at, &get("/healthz", "")).await;
    assert!(rest(&mut kept).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_body_has_to_come() {
    let app = App::with_running(0).await;
    let at = app.listen(impatient(|patience| patience.body = SHORT));
    for (kind, body) in [
        ("application/json", r#"{"email":"#),
        ("application/x-www-form-urlencoded", "email=a"),
        (
            "multipart/form-data; boundary=cut",
            "--cut\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\na",
        ),
    ] {
        let request = format!(
            "POST /api/request_vm HTTP/1.1\r\nHost: lab\r\nContent-Type: {kind}\r\n\
             Content-Length: 500\r\n\r\n{body}"
        );
        let told = rest(&mut sent(2, at, &request).await).await;
        assert!(told.starts_with("HTTP/1.1 408"), "{kind}: {told}");
        assert!(told.contains("did not come in time"), "{told}");
    }
}

#[tokio::test]
async fn an_answer_has_to_be_read_and_a_wait_may_be_silent() {
    let app = App::with_running(1).await;
    let at = app.listen(impatient(|patience| {
        (patience.writing, patience.idle, patience.head) = (SHORT, SHORT, SHORT);
        patience.body = SHORT;
    }));
    let agent = format!("Authorization: {}\r\n", app.agent("lablink-vm-test-1").await);
    let mut waiting = sent(2, at, &wait(1, &format!("{agent}Prefer: wait=2\r\n"))).await;
    let log = "/api/vm-logs/lablink-vm-test-1/events";
    let mut streaming = sent(2, at, &get(log, &format!("Authorization: {}\r\n", admin()))).await;
    assert!(some(&mut streaming).await.starts_with("HTTP/1.1 200"));

    // More than the kernel takes for a peer that reads nothing.
    let mut deaf = sent(2, at, &get("/install/lablink-client", "").repeat(60)).await;
    tokio::time::sleep(4 * SHORT).await;
    assert!(some(&mut waiting).await.starts_with("HTTP/1.1 204"), "silence was ours");
    let mut nothing = [0];
    assert!(timeout(SHORT, streaming.read(&mut nothing)).await.is_err(), "still open");
    let whole = 60 * std::fs::metadata("/bin/sh").unwrap().len();
    assert!((rest(&mut deaf).await.len() as u64) < whole, "it was given up");
}

#[tokio::test]
async fn heads_have_a_size() {
    let app = App::with_running(0).await;
    let at = app.listen(limits(100, 100));
    let many = (0..120).map(|n| format!("x-{n}: 1\r\n")).collect::<String>();
    let far_too_many = many.repeat(3);
    let large = format!("cookie: {}\r\n", "a".repeat(17_000));
    let far_too_large = format!("cookie: {}\r\n", "a".repeat(60_000));
    for (headers, is_told) in
        [(&many, true), (&large, true), (&far_too_many, false), (&far_too_large, false)]
    {
        let mut stream = connect(2, at).await;
        // It may be refused before it was sent.
        let _refused = stream.write_all(get("/", headers).as_bytes()).await;
        let told = some(&mut stream).await;
        assert!(told.starts_with("HTTP/1.1 431"), "{told}");
        assert_eq!(told.contains("large_head"), is_told, "{told}");
    }
}

#[tokio::test]
async fn stopping_ends_waits_and_idle_connections() {
    let app = App::with_running(1).await;
    let at = app.listen(limits(100, 100));
    let agent = format!("Authorization: {}\r\n", app.agent("lablink-vm-test-1").await);
    let mut waiting = sent(2, at, &wait(1, &format!("{agent}Prefer: wait=50\r\n"))).await;
    let mut idle = connect(2, at).await;
    let mut kept = sent(2, at, &get("/healthz", "")).await;
    assert!(some(&mut kept).await.starts_with("HTTP/1.1 200"));
    while app.hub.waiters() < 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    app.shutdown.cancel();
    assert!(rest(&mut waiting).await.starts_with("HTTP/1.1 503"));
    assert_eq!((rest(&mut idle).await, rest(&mut kept).await), (String::new(), String::new()));
    let refused = TcpStream::connect(at).await;
    assert!(refused.is_err() || rest(&mut refused.unwrap()).await.is_empty());
}
