//! Many desktops at once through one allocator: how much later what they show arrives, beside plain
//! connections, and what a channel costs in memory.

use std::{
    fs,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use futures_util::{SinkExt, StreamExt, future::join_all};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{MissedTickBehavior, interval},
};
use tokio_tungstenite::tungstenite::Message;

use crate::channels::{Socket, channel, claim, lab};

const CHANNELS: u32 = 100;
/// A hundred of these in a second are 1 Mbit/s.
const PIECE: usize = 1_250;
const EVERY: Duration = Duration::from_millis(10);
const PIECES: usize = 1_000;

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_micros().try_into().unwrap()
}

fn stamped() -> Vec<u8> {
    let mut piece = now().to_le_bytes().to_vec();
    piece.resize(PIECE, 7);
    piece
}

/// Microseconds since it was sent.
fn age(piece: &[u8]) -> u64 {
    now().saturating_sub(u64::from_le_bytes(piece[..8].try_into().unwrap()))
}

fn p95(mut ages: Vec<u64>) -> f64 {
    ages.sort_unstable();
    f64::from(u32::try_from(ages[ages.len() * 95 / 100]).unwrap()) / 1000.0
}

/// Of this process, in KB.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

async fn through_channel((mut browser, mut agent): (Socket, Socket)) -> Vec<u64> {
    let sends = async {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for _ in 0..PIECES {
            ticks.tick().await;
            agent.send(Message::binary(stamped())).await.unwrap();
        }
    };
    let reads = async {
        let mut ages = Vec::with_capacity(PIECES);
        while ages.len() < PIECES {
            if let Message::Binary(piece) = browser.next().await.unwrap().unwrap() {
                ages.push(age(&piece));
            }
        }
        ages
    };
    tokio::join!(sends, reads).1
}

async fn directly() -> Vec<u64> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    near.set_nodelay(true).unwrap();
    let (mut far, _) = listener.accept().await.unwrap();
    let sends = async {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for _ in 0..PIECES {
            ticks.tick().await;
            near.write_all(&stamped()).await.unwrap();
        }
    };
    let reads = async {
        let (mut ages, mut piece) = (Vec::with_capacity(PIECES), vec![0; PIECE]);
        while ages.len() < PIECES {
            far.read_exact(&mut piece).await.unwrap();
            ages.push(age(&piece));
        }
        ages
    };
    tokio::join!(sends, reads).1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, for 20 s"]
async fn a_hundred_desktops_at_once_are_shown_without_delay() {
    let (app, at) = lab(CHANNELS).await;
    let mut open = Vec::new();
    let before = resident();
    for n in 0..CHANNELS {
        let (link, vm) = claim(&app, &format!("p{n}@example.org")).await;
        let agent = app.agent(&vm).await;
        open.push(channel(&app, at, &agent, (&link, &vm)).await);
    }
    let each = (resident() - before) / u64::from(CHANNELS);
    let plain = join_all((0..CHANNELS).map(|_| tokio::spawn(directly()))).await;
    let plain = p95(plain.into_iter().flat_map(Result::unwrap).collect());
    let relayed = join_all(open.into_iter().map(|it| tokio::spawn(through_channel(it)))).await;
    let relayed = p95(relayed.into_iter().flat_map(Result::unwrap).collect());
    println!(
        "{CHANNELS} channels of 1 Mbit/s: p95 {relayed:.2} ms, plain connections {plain:.2} ms; \
         {each} KB for each, with both of its far ends"
    );
    assert!(each < 512, "{each} KB for a channel and its two far ends");
}
