//! A connection whose other side has to take what it asked for: an answer that cannot be written whole within a time breaks it.
//!
//! Without that, whoever asks and never reads would keep a connection for ever: no head and no body is waited for, so no other limit
//! applies. A byte taken now and then earns no more time.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

pub(super) struct Impatient<S> {
    stream: S,
    patience: Duration,
    /// Made when it is first needed: most answers never wait.
    deadline: Option<Pin<Box<Sleep>>>,
    /// Since a write had to wait, until everything is written.
    waiting: bool,
}

impl<S> Impatient<S> {
    /// `patience`: for a whole answer, from the first write of it that has to wait.
    pub(super) fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, deadline: None, waiting: false }
    }

    fn judge<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() && !self.waiting {
            return written;
        }
        let until = Instant::now() + self.patience;
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if !self.waiting {
            self.waiting = true;
            deadline.as_mut().reset(until);
        }
        // Asked after a write that succeeded too: for whoever takes a little, again and again.
        match deadline.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the answer was not taken in time"))),
            Poll::Pending => written,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Impatient<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Impatient<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, written)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bytes);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes when it has nothing more to write: the answer is taken.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.waiting = false;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(1);

    /// An answer of 1,000 bytes through a pipe that holds 20.
    async fn answer(taken: impl AsyncFnOnce(DuplexStream)) -> io::Result<()> {
        let (stream, other_side) = tokio::io::duplex(20);
        let mut stream = Impatient::new(stream, PATIENCE);
        let written = async move {
            stream.write_all(&[b'x'; 1000]).await?;
            stream.flush().await
        };
        let ((), written) = tokio::join!(taken(other_side), written);
        written
    }

    #[tokio::test]
    async fn an_answer_has_to_be_taken_whole_and_in_time() {
        let unread = answer(async |other_side| {
            tokio::time::sleep(PATIENCE * 2).await;
            drop(other_side);
        });
        assert_eq!(unread.await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let dripping = answer(async |mut other_side| {
            let mut byte = [0];
            while let Ok(1) = other_side.read(&mut byte).await {
                tokio::time::sleep(PATIENCE / 50).await;
            }
        });
        assert_eq!(dripping.await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        let mut all = Vec::new();
        answer(async |mut other_side| assert_eq!(other_side.read_to_end(&mut all).await.unwrap(), 1000)).await.unwrap();
    }

    #[tokio::test]
    async fn each_answer_has_the_time_for_itself() {
        let (stream, mut other_side) = tokio::io::duplex(100);
        let mut stream = Impatient::new(stream, PATIENCE);
        let began = Instant::now();
        let taker = tokio::spawn(async move {
            let (mut all, mut part) = (0, [0; 100]);
            while let Ok(read @ 1..) = other_side.read(&mut part).await {
                all += read;
                tokio::time::sleep(PATIENCE / 20).await;
            }
            all
        });
        for _ in 0..8 {
            stream.write_all(&[b'x'; 400]).await.unwrap();
            stream.flush().await.unwrap();
        }
        drop(stream);
        assert_eq!(taker.await.unwrap(), 3200);
        assert!(began.elapsed() > PATIENCE, "all of them together took longer than one may");
    }
}
