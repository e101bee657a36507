use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// What waiting for a VM may still cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Without a byte.
    pub stall: Duration,
    /// In all.
    pub left: Duration,
}

#[derive(Clone, Copy, Debug, thiserror::Error)]
enum Impatience {
    #[error("it sent nothing for {} s", .0.as_secs())]
    Stalled(Duration),
    #[error("it took too long (collect.minutes_per_vm)")]
    TooLong,
}

/// A stream that ends with an error when whoever writes it lets us wait for too long. Only time in
/// which somebody waits for bytes counts: a slow reader is not the writer's fault.
pub(super) struct Watched<R> {
    inner: R,
    patience: Patience,
    waiting_since: Option<Instant>,
    alarm: Pin<Box<Sleep>>,
}

impl<R> Watched<R> {
    pub fn new(inner: R, patience: Patience) -> Self {
        Self { inner, patience, waiting_since: None, alarm: Box::pin(sleep(patience.stall)) }
    }

    /// What is left for the next stream of the same VM.
    pub fn patience(&self) -> Patience {
        self.patience
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Watched<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let Patience { stall, left } = this.patience;
        if let Poll::Ready(read) = Pin::new(&mut this.inner).poll_read(cx, buf) {
            if let Some(since) = this.waiting_since.take() {
                this.patience.left = left.saturating_sub(since.elapsed());
            }
            return Poll::Ready(read);
        }
        if this.waiting_since.is_none() {
            let now = Instant::now();
            this.waiting_since = Some(now);
            this.alarm.as_mut().reset(now + stall.min(left));
        }
        ready!(this.alarm.as_mut().poll(cx));
        let why = if stall <= left { Impatience::Stalled(stall) } else { Impatience::TooLong };
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, why)))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    fn patience(stall: u64, left: u64) -> Patience {
        Patience { stall: Duration::from_secs(stall), left: Duration::from_secs(left) }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_it_and_a_slow_reader_does_not() {
        let (mut vm, ours) = duplex(64);
        let mut ours = Watched::new(ours, patience(60, 3600));
        vm.write_all(b"ab").await.unwrap();
        assert_eq!(ours.read_u8().await.unwrap(), b'a');
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(ours.read_u8().await.unwrap(), b'b');
        let before = Instant::now();
        let error = ours.read_u8().await.unwrap_err();
        assert_eq!(error.to_string(), "it sent nothing for 60 s");
        assert_eq!(before.elapsed().as_secs(), 60);
    }

    #[tokio::test(start_paused = true)]
    async fn drops_now_and_then_do_not_stretch_the_whole() {
        let (mut vm, ours) = duplex(64);
        let mut ours = Watched::new(ours, patience(60, 100));
        let dripping = async {
            loop {
                tokio::time::sleep(Duration::from_secs(30)).await;
                vm.write_all(b"x").await.unwrap();
            }
        };
        let before = Instant::now();
        let reading = async {
            loop {
                if let Err(error) = ours.read_u8().await {
                    break error;
                }
            }
        };
        let error = tokio::select! { error = reading => error, () = dripping => unreachable!() };
        assert!(error.to_string().starts_with("it took too long"), "{error}");
        assert_eq!(before.elapsed().as_secs(), 100);
    }
}
