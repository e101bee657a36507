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
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// What waiting for a VM may still cost.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// Without a byte.
    pub stall: Duration,
    /// In all.
    pub left: Duration,
    /// Bytes that have to come in each second of waiting, as a mean over as long as a stall.
    pub slowest: u64,
}

#[derive(Clone, Copy, Debug, thiserror::Error)]
enum Impatience {
    #[error("it sent nothing for {} s", .0.as_secs())]
    Stalled(Duration),
    #[error("it sent only {came} bytes in {} s of waiting (collect.slowest_kilobytes)", .waited.as_secs())]
    Slow { came: u64, waited: Duration },
    #[error("it took too long (collect.minutes_per_vm)")]
    TooLong,
}

/// Somebody has stopped the collection.
#[derive(Debug, thiserror::Error)]
#[error("the collection was stopped before it came")]
pub(super) struct Stopped;

/// A stream that ends with an error when its writer lets us wait for too long. Only time in
/// which somebody waits for bytes counts: a slow reader is not the writer's fault.
pub(super) struct Watched<R> {
    inner: R,
    patience: Patience,
    waiting_since: Option<Instant>,
    alarm: Pin<Box<Sleep>>,
    /// Since its speed was last looked at.
    waited: Duration,
    came: u64,
    stop: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl<R> Watched<R> {
    pub fn new(inner: R, patience: Patience) -> Self {
        let (alarm, waited) = (Box::pin(sleep(patience.stall)), Duration::ZERO);
        Self { inner, patience, waiting_since: None, alarm, waited, came: 0, stop: None }
    }

    /// The same stream, which ends with an error when somebody says so.
    pub fn until(self, stop: &CancellationToken) -> Self {
        Self { stop: Some(Box::pin(stop.clone().cancelled_owned())), ..self }
    }

    /// Of [`Patience::left`], for the next stream of the same VM.
    pub fn left(&self) -> Duration {
        self.patience.left
    }

    /// Whether it was fast enough, once it let us wait for so long that a mean tells.
    fn judge(&mut self) -> Result<(), Impatience> {
        let Patience { stall, slowest, .. } = self.patience;
        if self.waited < stall {
            return Ok(());
        }
        let (came, waited) = (std::mem::take(&mut self.came), std::mem::take(&mut self.waited));
        if (came as f64) < slowest as f64 * waited.as_secs_f64() {
            return Err(Impatience::Slow { came, waited });
        }
        Ok(())
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for Watched<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(stop) = &mut this.stop
            && stop.as_mut().poll(cx).is_ready()
        {
            return Poll::Ready(Err(io::Error::other(Stopped)));
        }
        let Patience { stall, left, .. } = this.patience;
        let before = buf.filled().len();
        if let Poll::Ready(read) = Pin::new(&mut this.inner).poll_read(cx, buf) {
            this.came += (buf.filled().len() - before) as u64;
            if let Some(since) = this.waiting_since.take() {
                this.patience.left = left.saturating_sub(since.elapsed());
                this.waited += since.elapsed();
                this.judge()?;
            }
            return Poll::Ready(read);
        }
        if this.waiting_since.is_none() {
            let now = Instant::now();
            this.waiting_since = Some(now);
            this.alarm.as_mut().reset(now + stall.min(left));
        }
        ready!(this.alarm.as_mut().poll(cx));
        this.patience.left = left.saturating_sub(stall);
        let why = if stall <= left { Impatience::Stalled(stall) } else { Impatience::TooLong };
        Poll::Ready(Err(why.into()))
    }
}

impl From<Impatience> for io::Error {
    fn from(why: Impatience) -> Self {
        Self::new(io::ErrorKind::TimedOut, why)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    fn patience(stall: u64, left: u64) -> Patience {
        let seconds = Duration::from_secs;
        Patience { stall: seconds(stall), left: seconds(left), slowest: 0 }
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
    async fn it_ends_at_once_when_somebody_says_so() {
        let (mut vm, ours) = duplex(64);
        let stop = CancellationToken::new();
        let mut ours = Watched::new(ours, patience(60, 3600)).until(&stop);
        vm.write_all(b"ab").await.unwrap();
        assert_eq!(ours.read_u8().await.unwrap(), b'a');
        let (before, saying) = (Instant::now(), async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            stop.cancel();
        });
        assert_eq!(ours.read_u8().await.unwrap(), b'b');
        let (error, ()) = tokio::join!(ours.read_u8(), saying);
        assert_eq!(error.unwrap_err().to_string(), Stopped.to_string());
        assert_eq!(before.elapsed().as_secs(), 1);
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

    /// What becomes of a VM that sends so much in each second, and how long it took.
    async fn dripping(bytes: usize, slowest: u64) -> (String, u64) {
        let (mut vm, ours) = duplex(1 << 20);
        let mut ours = Watched::new(ours, Patience { slowest, ..patience(60, 600) });
        let sending = async {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                vm.write_all(&vec![0; bytes]).await.unwrap();
            }
        };
        let before = Instant::now();
        let mut sink = tokio::io::sink();
        let reading = tokio::io::copy(&mut ours, &mut sink);
        let error =
            tokio::select! { it = reading => it.unwrap_err(), () = sending => unreachable!() };
        (error.to_string(), before.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_a_second_is_too_little() {
        let (told, after) = dripping(1, 10_000).await;
        assert_eq!(
            (told.as_str(), after),
            ("it sent only 60 bytes in 60 s of waiting (collect.slowest_kilobytes)", 60)
        );
        let (told, after) = dripping(11_000, 10_000).await;
        assert!(told.starts_with("it took too long") && after == 600, "{told} {after}");
    }
}
