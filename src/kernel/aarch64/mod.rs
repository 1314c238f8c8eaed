//! The aarch64 instruction sets; knows no kernel.

mod neon;
mod rows;
mod squares;
mod words;

use super::table::{InstructionSet, Kernels, instantiate};
use neon::Neon;

// SAFETY (of the token): only kernels compiled for these features see it, and `tables` hands them out where
// the processor has them.
static NEON: Kernels = instantiate!(
    InstructionSet::Neon,
    // SAFETY: see above.
    unsafe { Neon::<false>::new_unchecked() },
    crate::kernel::product::product,
    #[target_feature(enable = "dotprod")]
);

// SAFETY (of the token): as above.
static NEON_I8MM: Kernels = instantiate!(
    InstructionSet::NeonI8mm,
    // SAFETY: see above.
    unsafe { Neon::<true>::new_unchecked() },
    crate::kernel::product::product,
    #[target_feature(enable = "dotprod,i8mm")]
);

/// The tables that this processor can run, slowest first.
pub(crate) fn tables() -> impl Iterator<Item = &'static Kernels> {
    [Neon::<false>::exists().then_some(&NEON), Neon::<true>::exists().then_some(&NEON_I8MM)]
        .into_iter()
        .flatten()
}
