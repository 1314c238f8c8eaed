//! Long work in pieces: between them it looks whether it is still wanted, and gives others their turn. Knows
//! neither the work nor who waits.

use crate::error::Result;
use smol::future::yield_now;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Units of work between two looks. A unit is about a byte of text or of a file: 10 to 100 ns.
const STRIDE: usize = 2048;

/// Told by long work how far it is; now and then makes it look up.
///
/// Without anything to look for ([`Pauses::none`]) work is never interrupted.
pub struct Pauses<'a> {
    look: Option<&'a mut (dyn FnMut() -> Result<()> + Send)>,
    /// How long the work goes on before others have their turn; `None`: as long as it takes.
    slice: Option<Duration>,
    until: Option<Instant>,
    stride: usize,
    spent: usize,
}

impl<'a> Pauses<'a> {
    /// For work that nobody waits for and nobody stops.
    pub fn none() -> Self {
        Self { look: None, slice: None, until: None, stride: usize::MAX, spent: 0 }
    }

    /// Work that `look` stops by an error, and that rests about every `slice`, if there is one.
    pub fn new(look: &'a mut (dyn FnMut() -> Result<()> + Send), slice: Option<Duration>) -> Self {
        Self { look: Some(look), slice, until: None, stride: STRIDE, spent: 0 }
    }

    /// Looks after each `stride` units of work.
    pub fn with_stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// `units` of work have been done.
    ///
    /// # Errors
    /// What stops the work.
    pub async fn after(&mut self, units: usize) -> Result<()> {
        if self.is_due(units) { self.look_up().await } else { Ok(()) }
    }

    /// `units` of work have been done; whether it is time to [`look_up`](Self::look_up). For work so short
    /// that a future would cost more.
    pub fn is_due(&mut self, units: usize) -> bool {
        self.spent = self.spent.saturating_add(units);
        self.spent >= self.stride
    }

    /// Looks at once: before something that takes its time whatever comes.
    ///
    /// # Errors
    /// What stops the work.
    pub async fn look_up(&mut self) -> Result<()> {
        self.spent = 0;
        if let Some(look) = &mut self.look {
            look()?;
        }
        if let Some(slice) = self.slice {
            // The first look only begins to count: how long the work has waited for its turn is unknown.
            if self.until.is_some_and(|until| Instant::now() >= until) {
                yield_now().await;
                self.until = None;
            }
            self.until = self.until.or_else(|| Instant::now().checked_add(slice));
        }
        Ok(())
    }
}

/// Does work in pieces in one go. It may wait for nothing but its turn.
pub fn at_once<T>(work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(result) = work.as_mut().poll(&mut context) {
            return result;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Error, ErrorKind};

    /// Units of work until the end, and how often it gave way.
    fn work(pauses: &mut Pauses<'_>, units: usize) -> (Result<()>, usize) {
        let mut turns = 0;
        let mut work = pin!(async {
            for _ in 0..units {
                pauses.after(1).await?;
            }
            Ok(())
        });
        loop {
            match work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(result) => return (result, turns),
                Poll::Pending => turns += 1,
            }
        }
    }

    #[test]
    fn work_without_a_slice_looks_but_gives_no_turns() {
        let mut looks = 0;
        let mut look = || {
            looks += 1;
            Ok(())
        };
        assert_eq!(work(&mut Pauses::new(&mut look, None).with_stride(10), 100).1, 0);
        assert_eq!(looks, 10);
        assert_eq!(work(&mut Pauses::none(), 100).1, 0);
    }

    #[test]
    fn work_rests_after_each_slice_and_stops_at_the_next_look() {
        let mut look = || Ok(());
        let mut pauses = Pauses::new(&mut look, Some(Duration::ZERO)).with_stride(10);
        assert_eq!(work(&mut pauses, 100).1, 9, "the first look only begins to count");
        let mut look = || Err(Error::new(ErrorKind::StaleHandle, "no longer wanted"));
        let (result, turns) = work(&mut Pauses::new(&mut look, None).with_stride(10), 100);
        assert_eq!((result.map_err(|error| error.kind()), turns), (Err(ErrorKind::StaleHandle), 0));
    }
}
