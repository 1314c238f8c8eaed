//! A connection whose other end may be slow, but not take nothing for ever; knows no HTTP.

use async_io::Timer;
use smol::io::{AsyncRead, AsyncWrite};
use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// A stream whose writes fail once they have waited longer than they may. Reads wait as long as they do.
pub struct Stalling<T> {
    inner: T,
    limit: Duration,
    /// Runs while a write waits.
    timer: Option<Timer>,
}

impl<T> Stalling<T> {
    /// `inner`, whose writes wait for `limit` at most.
    pub fn new(inner: T, limit: Duration) -> Self {
        Self { inner, limit, timer: None }
    }

    /// What a write came to, unless it has waited too long.
    fn within<R>(&mut self, context: &mut Context<'_>, written: Poll<Result<R>>) -> Poll<Result<R>> {
        if written.is_ready() {
            self.timer = None;
            return written;
        }
        let limit = self.limit;
        let timer = self.timer.get_or_insert_with(|| Timer::after(limit));
        match Future::poll(Pin::new(timer), context) {
            Poll::Ready(_) => {
                Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the other end takes nothing")))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Stalling<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.inner).poll_read(context, into)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Stalling<T> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, from);
        self.within(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(context);
        self.within(context, flushed)
    }

    fn poll_close(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let closed = Pin::new(&mut self.inner).poll_close(context);
        self.within(context, closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use smol::io::AsyncWriteExt;

    /// Takes a few bytes, then nothing.
    struct Full(usize);

    impl AsyncWrite for Full {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _context: &mut Context<'_>,
            from: &[u8],
        ) -> Poll<Result<usize>> {
            let taken = from.len().min(self.0);
            self.0 -= taken;
            if taken > 0 { Poll::Ready(Ok(taken)) } else { Poll::Pending }
        }

        fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn a_write_that_nobody_takes_fails_after_its_time() {
        let mut stream = Stalling::new(Full(3), Duration::from_millis(20));
        let error = async_io::block_on(stream.write_all(b"hello")).expect_err("only three bytes are taken");
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn a_write_that_is_taken_is_none_of_its_business() {
        let mut stream = Stalling::new(Full(5), Duration::from_millis(20));
        async_io::block_on(stream.write_all(b"hello")).expect("five bytes are taken");
        assert!(stream.timer.is_none());
    }
}
