//! The aarch64 instruction set; knows no kernel.

mod neon;

use super::table::{InstructionSet, Kernels, instantiate};
use neon::Neon;

// SAFETY (of the token): only kernels compiled for this feature see it, and `tables` hands them out where the processor has it.
static NEON: Kernels = instantiate!(
    InstructionSet::Neon,
    // SAFETY: see above.
    unsafe { Neon::new_unchecked() },
    crate::kernel::product::product,
    #[target_feature(enable = "dotprod")]
);

/// The tables that this processor can run, slowest first.
pub(crate) fn tables() -> impl Iterator<Item = &'static Kernels> {
    Neon::exists().then_some(&NEON).into_iter()
}
