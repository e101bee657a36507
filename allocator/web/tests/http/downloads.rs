//! When a download counts, over real connections: what is counted so may be destroyed.

use std::{net::SocketAddr, time::Duration};

use lablink_core::operations::OperationId;
use lablink_web::{Bounds, ConnectionLimits, Patience};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    app::{App, With, admin, get},
    collections::{eventually, with_an_archive},
};

/// More than the systems of both ends hold for a connection.
const LARGE: usize = 32 * 1024 * 1024;
const GOT: &str = "select coalesce((select taken::text from collection_download), 'nothing')";
const COUNTS: &str = "select (downloaded_at is not null)::text from collection";

async fn asked(at: SocketAddr, id: OperationId, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let admin = admin();
    let head = format!(
        "GET /api/collections/{id}/download HTTP/1.1\r\nHost: lab\r\nAuthorization: {admin}\r\n\
         {headers}\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

fn listen(app: &App) -> SocketAddr {
    let bounds = Bounds { all: 100, strangers_per_address: None, turned_away: 8 };
    app.listen(ConnectionLimits { bounds, patience: Patience::default() })
}

/// Reads an answer to its end, and gives its body.
async fn read(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    let head = bytes.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
    bytes.split_off(head)
}

#[tokio::test]
async fn an_archive_counts_when_its_last_byte_was_taken() {
    let (app, id) = with_an_archive().await;
    let at = listen(&app);
    // All of it is there, in what the system holds for a client that never reads it.
    let leaves = asked(at, id, "").await;
    let mut seen = [0; 4096];
    loop {
        let length = leaves.peek(&mut seen).await.unwrap();
        if seen[..length].ends_with(b"0123456789") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(leaves);
    eventually(&app, GOT, "{[0,9)}").await;
    assert_eq!(app.text(COUNTS).await, "false");
    let events = "select count(*)::text from event where kind = 'results.downloaded'";
    assert_eq!(app.text(events).await, "0");

    assert_eq!(read(asked(at, id, "Range: bytes=9-\r\n").await).await, b"9");
    eventually(&app, COUNTS, "true").await;
    eventually(&app, GOT, "nothing").await;
    assert_eq!(app.text(events).await, "1");
    assert_eq!(read(asked(at, id, "").await).await, b"0123456789");
    eventually(&app, events, "2").await;
}

#[tokio::test]
async fn one_that_is_broken_off_does_not_and_can_be_gone_on_with() {
    let (app, id) = with_an_archive().await;
    let at = listen(&app);
    app.collector.keep(id, &"x".repeat(LARGE));
    app.sql(&format!("update collection set size = {LARGE}")).await;
    let mut leaves = asked(at, id, "").await;
    let mut some = vec![0; LARGE / 4];
    leaves.read_exact(&mut some).await.unwrap();
    drop(leaves);
    eventually(&app, "select (count(*) = 1)::text from collection_download", "true").await;
    assert_eq!(app.text(COUNTS).await, "false");
    // Its last quarter does not make it whole.
    let last = format!("Range: bytes={}-\r\n", LARGE / 4 * 3);
    assert_eq!(read(asked(at, id, &last).await).await.len(), LARGE / 4);
    eventually(
        &app,
        "select (not isempty(taken) and upper(taken) = 33554432)::text from collection_download",
        "true",
    )
    .await;
    assert_eq!(app.text(COUNTS).await, "false");
    // From what it has; the head of the answer was among the bytes that were read.
    let rest = format!("Range: bytes={}-\r\n", LARGE / 4 - 2048);
    read(asked(at, id, &rest).await).await;
    eventually(&app, COUNTS, "true").await;
}

#[tokio::test]
async fn parts_count_together_once_nothing_is_missing() {
    let (app, id) = with_an_archive().await;
    let path = format!("/api/collections/{id}/download");
    let part = |range: &str| get(&path).by_admin().with("range", range);
    for (range, got) in
        [("bytes=0-0", "{[0,1)}"), ("bytes=-1", "{[0,1),[9,10)}"), ("bytes=2-8", "{[0,1),[2,10)}")]
    {
        app.call(part(range)).await;
        eventually(&app, GOT, got).await;
        assert_eq!(app.text(COUNTS).await, "false");
    }
    app.call(part("bytes=1-1")).await;
    eventually(&app, COUNTS, "true").await;
}

#[tokio::test]
async fn an_archive_that_is_made_meanwhile_is_noted_at_its_end() {
    let (app, _) = with_an_archive().await;
    let at = listen(&app);
    let events = "select count(*)::text from event where kind = 'results.downloaded'";
    let admin = admin();
    let head =
        format!("GET /api/scp-client HTTP/1.1\r\nHost: lab\r\nAuthorization: {admin}\r\n\r\n");
    for (whole, expected) in [(false, "0"), (true, "1")] {
        let mut stream = TcpStream::connect(at).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        if whole {
            assert!(read(stream).await.ends_with(b"0\r\n\r\n"));
        } else {
            stream.read_exact(&mut [0; 12]).await.unwrap();
            drop(stream);
        }
        eventually(&app, events, expected).await;
    }
}
