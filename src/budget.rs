//! The memory of one runtime: what all its models hold together, and may hold. Knows numbers of bytes; not
//! what lies in them.

use crate::error::{Error, ErrorKind, Result};
use crate::sync::{AtomicU64, Ordering};
use std::sync::Arc;

/// What models take their [`Share`]s from. Any thread.
#[derive(Debug)]
pub struct Budget {
    limit: Option<u64>,
    held: AtomicU64,
}

impl Budget {
    /// A budget of `limit` bytes; `None`: it counts, and refuses nothing.
    pub fn new(limit: Option<u64>) -> Arc<Self> {
        Arc::new(Self { limit, held: AtomicU64::new(0) })
    }

    /// Bytes in all shares.
    pub fn held(&self) -> u64 {
        self.held.load(Ordering::SeqCst)
    }

    /// The most bytes in all shares.
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// An empty share; `what` it is for is said when more is refused.
    pub fn share(self: &Arc<Self>, what: &'static str) -> Share {
        Share { budget: self.clone(), what, bytes: 0 }
    }

    /// A share of `bytes`.
    ///
    /// # Errors
    /// As [`Share::resize`]'s.
    pub fn take(self: &Arc<Self>, what: &'static str, bytes: u64) -> Result<Share> {
        let mut share = self.share(what);
        share.resize(bytes)?;
        Ok(share)
    }
}

/// A part of a [`Budget`], given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    budget: Arc<Budget>,
    what: &'static str,
    bytes: u64,
}

impl Share {
    /// Its size.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The most bytes that the others leave it at this moment.
    pub fn most(&self) -> u64 {
        let others = self.budget.held().saturating_sub(self.bytes);
        self.budget.limit.map_or(u64::MAX, |limit| limit.saturating_sub(others))
    }

    /// Gives back what is over `bytes`, if it is larger.
    pub fn shrink(&mut self, bytes: u64) {
        if bytes < self.bytes {
            self.budget.held.fetch_sub(self.bytes - bytes, Ordering::SeqCst);
            self.bytes = bytes;
        }
    }

    /// Makes it `bytes` in all. To become smaller never fails.
    ///
    /// # Errors
    /// `OutOfMemory`, with both numbers, if the others leave less; the share then stays as it was.
    pub fn resize(&mut self, bytes: u64) -> Result<()> {
        let (own, limit) = (self.bytes, self.budget.limit.unwrap_or(u64::MAX));
        let fits = |held: u64| {
            let total = (held - own).checked_add(bytes)?;
            (bytes <= own || total <= limit).then_some(total)
        };
        match self.budget.held.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fits) {
            Ok(_) => {
                self.bytes = bytes;
                Ok(())
            }
            Err(held) => {
                let (what, allowed) = (self.what, limit.saturating_sub(held - own));
                let message = format!(
                    "{what} need {bytes} bytes, the memory budget of {limit} allows {allowed}; raise it, close sessions or models, \
                     or take a smaller model or a shorter context"
                );
                Err(Error::new(ErrorKind::OutOfMemory, message))
            }
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.held.fetch_sub(self.bytes, Ordering::SeqCst);
    }
}

#[cfg(all(test, not(feature = "shuttle")))]
mod tests {
    use super::*;

    #[test]
    fn shares_never_exceed_the_limit_together_and_come_back() {
        let budget = Budget::new(Some(100));
        let one = budget.take("weights", 60).expect("room");
        let error = budget.take("weights", 41).expect_err("over the limit");
        assert_eq!(error.kind(), ErrorKind::OutOfMemory);
        assert!(
            error.message().contains("weights need 41 bytes, the memory budget of 100 allows 40"),
            "{error}"
        );
        let mut two = budget.take("keys", 30).expect("room");
        assert!(two.resize(41).is_err());
        assert_eq!((two.bytes(), budget.held(), two.most()), (30, 90, 40));
        two.resize(40).expect("room");
        assert!(two.resize(u64::MAX).is_err(), "no sum may wrap");
        drop(one);
        two.resize(100).expect("all of it");
        two.resize(7).expect("less");
        assert_eq!(budget.held(), 7);
        drop(two);
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn threads_that_take_at_once_stay_within_the_limit() {
        let budget = Budget::new(Some(1000));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..10_000 {
                        let share = budget.take("it", 400);
                        assert!(budget.held() <= 1000);
                        drop(share);
                    }
                });
            }
        });
        assert_eq!(budget.held(), 0);
    }
}
