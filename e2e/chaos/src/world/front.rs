//! The load balancer: one address for everybody, which leads to an allocator that is ready.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use anyhow::Result;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinHandle,
};

use super::Allocator;

const MOST_CONNECTIONS: usize = 500;

pub struct Front {
    pub port: u16,
    accepting: JoinHandle<()>,
}

impl Front {
    pub async fn open(port: u16, allocators: &[Arc<Allocator>]) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port)).await?;
        let accepting = tokio::spawn(accept(listener, allocators.to_vec()));
        Ok(Self { port, accepting })
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, allocators: Vec<Arc<Allocator>>) {
    let allocators: Arc<[_]> = allocators.into();
    let turn = Arc::new(AtomicUsize::new(0));
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok((client, _)) = listener.accept().await else { continue };
        let (allocators, turn) = (Arc::clone(&allocators), turn.fetch_add(1, Ordering::Relaxed));
        tokio::spawn(async move {
            let _broken = carry(client, &allocators, turn).await;
            drop(place);
        });
    }
}

/// In turn; those that are not ready come last.
async fn carry(
    mut client: TcpStream,
    allocators: &[Arc<Allocator>],
    turn: usize,
) -> io::Result<()> {
    let count = allocators.len();
    let mut order: Vec<&Arc<Allocator>> =
        (0..count).map(|step| &allocators[(turn + step) % count]).collect();
    order.sort_by_key(|allocator| !allocator.seems_ready());
    for allocator in order {
        if let Ok(mut server) = TcpStream::connect(("127.0.0.1", allocator.port)).await {
            tokio::io::copy_bidirectional(&mut client, &mut server).await?;
            break;
        }
    }
    Ok(())
}
