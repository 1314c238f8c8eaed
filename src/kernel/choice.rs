//! Which table of kernels computes: chosen once per process among those that the processor can run. Knows no
//! kernel.

use super::scalar;
use super::simd::Scalar;
use super::table::{InstructionSet, Kernels, instantiate};
use std::sync::OnceLock;

static SCALAR: Kernels = instantiate!(InstructionSet::Scalar, Scalar, scalar::product,);

impl Kernels {
    /// The fastest table that this processor can run.
    pub fn best() -> &'static Kernels {
        Self::available().last().copied().unwrap_or(&SCALAR)
    }

    /// The plain table: the truth.
    pub fn scalar() -> &'static Kernels {
        &SCALAR
    }

    /// Every table that this processor can run, slowest first: the scalar one is always there. Tests and
    /// benchmarks choose from it.
    pub fn available() -> &'static [&'static Kernels] {
        static TABLES: OnceLock<Vec<&'static Kernels>> = OnceLock::new();
        TABLES.get_or_init(|| {
            #[cfg(all(feature = "native", target_arch = "x86_64"))]
            let faster = super::x86::tables();
            #[cfg(all(feature = "native", target_arch = "aarch64"))]
            let faster = super::aarch64::tables();
            #[cfg(not(all(feature = "native", any(target_arch = "x86_64", target_arch = "aarch64"))))]
            let faster = std::iter::empty();
            std::iter::once(&SCALAR).chain(faster).collect()
        })
    }
}
