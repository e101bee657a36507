use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// The bytes to and from a server, with a limit for its silence. It is dialled at the first write,
/// so that a failure is an error of the connection like any other.
pub(crate) struct Wire {
    stream: Stream,
    patience: Patience,
    /// Bytes have been sent since the last ones came.
    is_due: bool,
    deadline: Pin<Box<Sleep>>,
}

/// How long a server may be silent while something is due from it.
#[derive(Clone)]
pub(super) struct Patience {
    pub login: Duration,
    pub session: Duration,
    pub logged_in: Arc<AtomicBool>,
}

enum Stream {
    Dialling(Dialling),
    Open(Box<dyn Bytes>),
    Failed,
}

pub(super) type Dialling = Pin<Box<dyn Future<Output = io::Result<Box<dyn Bytes>>> + Send>>;

pub(super) trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Bytes for T {}

impl Patience {
    fn now(&self) -> Duration {
        if self.logged_in.load(Relaxed) { self.session } else { self.login }
    }
}

impl Wire {
    pub(super) fn new(dialling: Dialling, patience: Patience) -> Self {
        let deadline = Box::pin(sleep(patience.login));
        Self { stream: Stream::Dialling(dialling), patience, is_due: true, deadline }
    }

    fn poll_open(&mut self, context: &mut Context<'_>) -> Poll<io::Result<&mut Box<dyn Bytes>>> {
        if let Stream::Dialling(dialling) = &mut self.stream {
            match dialling.as_mut().poll(context) {
                Poll::Pending => {
                    ready!(self.poll_silence(context))?;
                    return Poll::Pending;
                }
                Poll::Ready(Ok(stream)) => self.stream = Stream::Open(stream),
                Poll::Ready(Err(error)) => {
                    self.stream = Stream::Failed;
                    return Poll::Ready(Err(error));
                }
            }
        }
        match &mut self.stream {
            Stream::Open(stream) => Poll::Ready(Ok(stream)),
            Stream::Dialling(_) | Stream::Failed => {
                Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
            }
        }
    }

    /// Pending while the server may still be silent.
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.deadline.as_mut().poll(context));
        self.stream = Stream::Failed;
        let seconds = self.patience.now().as_secs_f32();
        let said = format!("the database has said nothing for {seconds} s");
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, said)))
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let stream = ready!(this.poll_open(context))?;
        match Pin::new(stream).poll_read(context, buffer) {
            Poll::Pending if this.is_due => {
                ready!(this.poll_silence(context))?;
                Poll::Pending
            }
            answer => {
                // Any byte is a sign of life.
                this.is_due &= answer.is_pending();
                answer
            }
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let stream = ready!(this.poll_open(context))?;
        let written = ready!(Pin::new(stream).poll_write(context, bytes))?;
        if !this.is_due {
            this.is_due = true;
            this.deadline.as_mut().reset(Instant::now() + this.patience.now());
            // It is read at once, but maybe not by the task that polls this.
            context.waker().wake_by_ref();
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(ready!(self.get_mut().poll_open(context))?).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(ready!(self.get_mut().poll_open(context))?).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const SESSION: Duration = Duration::from_secs(18);

    fn wire() -> (Wire, DuplexStream) {
        let (ours, theirs) = duplex(64);
        let logged_in = Arc::new(AtomicBool::new(true));
        let patience = Patience { login: Duration::from_secs(3), session: SESSION, logged_in };
        let dialling = async { Ok(Box::new(ours) as Box<dyn Bytes>) };
        (Wire::new(Box::pin(dialling), patience), theirs)
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_it_while_something_is_due_and_not_otherwise() {
        let (mut wire, mut server) = wire();
        let mut byte = [0];
        for _ in 0..3 {
            wire.write_all(b"?").await.unwrap();
            server.read_exact(&mut byte).await.unwrap();
            tokio::time::sleep(SESSION - Duration::from_secs(1)).await;
            server.write_all(b"!").await.unwrap();
            wire.read_exact(&mut byte).await.unwrap();
            let idle = tokio::time::timeout(SESSION * 3, wire.read_exact(&mut byte)).await;
            assert!(idle.is_err(), "nothing is due: {idle:?}");
        }
        wire.write_all(b"?").await.unwrap();
        let before = Instant::now();
        let error = wire.read_exact(&mut byte).await.unwrap_err();
        assert_eq!((error.kind(), before.elapsed()), (io::ErrorKind::TimedOut, SESSION));
        assert!(wire.write_all(b"?").await.is_err(), "it stays ended");
    }

    #[tokio::test(start_paused = true)]
    async fn dialling_has_its_limit_and_its_error() {
        let patience = |login| Patience {
            login,
            session: SESSION,
            logged_in: Arc::new(AtomicBool::new(false)),
        };
        let never = Wire::new(Box::pin(std::future::pending()), patience(Duration::from_secs(3)));
        let before = Instant::now();
        let error = { never }.write_all(b"?").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(before.elapsed(), Duration::from_secs(3));
        let refused = async { Err(io::ErrorKind::ConnectionRefused.into()) };
        let refused = Wire::new(Box::pin(refused), patience(Duration::from_secs(3)));
        let error = { refused }.write_all(b"?").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
