//! The compute threads, and whole operations split over them; knows no model and no request.
//!
//! [`Pool`] is fork-join over threads of its own that are named and joined. [`Compute`] is a pool, a table of
//! kernels and scratch memory: what a model computes with. Results never depend on the number of threads or
//! on where an operation was paused.

mod attention;
mod cancellation;
pub(crate) mod cpu_time;
mod delta;
mod disjoint;
pub(crate) mod float_state;
mod low_rank;
mod mamba;
mod own_stack;
mod pace;
mod pool;
mod product;
mod quota;
mod recurrence;
mod rows;
mod scheduling;
mod signals;
mod team;
pub(crate) mod thread;
mod threads;
mod topology;
mod zeroed;

pub use attention::{Attention, BlockMemory, Span, attention_work};
pub(crate) use cancellation::NotNow;
pub use delta::DeltaNet;
pub use low_rank::{Added, LowRank};
pub use mamba::Mamba2;
pub(crate) use own_stack::on_own_stack;
pub use pace::{Pace, Step};
pub use pool::{Pool, PoolOptions};
pub use product::{GatedProduct, Output, Product};
pub use recurrence::Before;
pub use thread::{OnThread, ThreadOptions};
pub use threads::default_threads;
pub(crate) use threads::{cores, processors};
pub(crate) use zeroed::Zeroed;

use crate::error::Result;
use crate::kernel::Kernels;

/// f32 elements of scratch memory per thread.
const SCRATCH: usize = 32 * 1024;

/// A pool, a table of kernels, and scratch memory for each thread.
pub struct Compute {
    pool: Pool,
    kernels: &'static Kernels,
    /// `(threads, SCRATCH)`.
    scratch: Zeroed<f32>,
}

impl Compute {
    /// Computes with `kernels` on `pool`. `OutOfMemory` if there is no memory for scratch.
    pub fn new(pool: Pool, kernels: &'static Kernels) -> Result<Self> {
        let scratch = Zeroed::new(pool.threads() * SCRATCH)?;
        Ok(Self { pool, kernels, scratch })
    }

    /// On the caller's thread only, with the best kernels.
    pub fn alone() -> Result<Self> {
        Self::new(Pool::alone(), Kernels::best())
    }

    /// The kernels, for small work on the caller's thread.
    pub fn kernels(&self) -> &'static Kernels {
        self.kernels
    }

    /// Threads, the caller's among them.
    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// Has the pool's threads end, without waiting for them. What follows runs on the caller's, and on those
    /// that have not ended yet.
    pub fn end_threads(&self) {
        self.pool.end_threads();
    }

    /// Ends and joins the pool's threads. What follows runs on the caller's.
    pub fn shutdown(&mut self) {
        self.pool.shutdown();
    }
}

#[cfg(test)]
mod tests;
